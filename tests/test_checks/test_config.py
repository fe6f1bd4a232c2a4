import pytest
from checking import error_of, training_on
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from mmengine.registry import DATASETS as ENGINE_DATASETS
from mmengine.registry import Registry, init_default_scope
from tiny_sets import coco_with, voc_with

from mmdet_multimix.checks import check_config


def test_good_data_passes(tmp_path):
    check_config(training_on(coco_with(tmp_path / 'coco')))
    check_config(training_on(voc_with(tmp_path / 'voc')))


def test_everything_that_is_wrong_is_said_at_once(tmp_path):
    good = coco_with(tmp_path / 'coco')
    missing = dict(good, ann_file='no.json')
    nested = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[good, missing]))
    backbone = dict(type='ResNet', init_cfg=dict(type='MultiMixPretrained', checkpoint='no.pth'))
    text = error_of(training_on(nested, load_from='nothing.pth', model=dict(backbone=backbone)))
    assert 'train_dataloader.dataset.dataset.datasets[1]' in text and 'no.json does not exist' in text
    assert 'load_from: checkpoint nothing.pth' in text
    assert 'model.backbone.init_cfg.checkpoint: no.pth' in text and 'publish_backbone.py' in text


def test_a_missing_image_folder_is_named(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    dataset['data_prefix'] = dict(img='photos/')
    assert 'photos does not exist' in error_of(training_on(dataset))


def test_the_type_may_be_the_class_itself(tmp_path):
    dataset = dict(coco_with(tmp_path / 'coco'), type=CocoDataset)
    check_config(training_on(dataset, val_dataloader=dict(dataset=dataset)))
    assert "'horse'" in error_of(training_on(dict(dataset, metainfo=dict(classes=('cat', 'horse')))))


def test_unknown_data_set_type(tmp_path):
    assert "unknown data set 'NoDataset'" in error_of(training_on(dict(type='NoDataset', ann_file='x')))


def test_testing_looks_at_test_data_only(tmp_path):
    cfg = Config(dict(test_dataloader=dict(dataset=coco_with(tmp_path / 'coco')), load_from='no.pth'))
    assert 'no.pth' in error_of(cfg, 'test')
    cfg.load_from = None
    check_config(cfg, 'test')


def test_a_file_of_class_names_is_read(tmp_path):
    (tmp_path / 'names.txt').write_text('cat\ndog\n')
    dataset = coco_with(tmp_path / 'coco')
    check_config(training_on(dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))))
    (tmp_path / 'names.txt').write_text('cat\nhorse\n')
    text = error_of(training_on(dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))))
    assert "'horse' are not among the categories" in text


@pytest.fixture
def own_scope():
    """A package with registries of its own beside mmdet's, such as MMYOLO or MMRotate."""
    registry = Registry('own dataset', parent=ENGINE_DATASETS, scope='own')
    registry.register_module(name='OwnDataset')(type('OwnDataset', (CocoDataset,), {}))
    yield registry
    del ENGINE_DATASETS.children['own']
    init_default_scope('mmdet')


def test_a_default_scope_of_none_as_mmdets_python_configs_have(tmp_path):
    dataset = {**coco_with(tmp_path / 'set'), 'type': CocoDataset}
    check_config(training_on(dataset, default_scope=None))


@pytest.mark.parametrize('scope', ['own', 'mmdet', None])
def test_types_of_the_default_scope_are_found_as_a_runner_finds_them(tmp_path, own_scope, scope):
    dataset = {**coco_with(tmp_path / 'set'), 'type': 'OwnDataset'}
    cfg = training_on(dataset, **(dict(default_scope=scope) if scope else {}))
    if scope == 'own':
        check_config(cfg)
        dataset['metainfo'] = dict(classes=('dog', 'cat'))  # and are checked as what they are
        assert 'not in the order' in error_of(training_on(dataset, default_scope=scope))
    else:
        assert "unknown data set 'OwnDataset'" in error_of(cfg)
    check_config(training_on({**dataset, 'type': 'own.OwnDataset', 'metainfo': dict(classes=('cat', 'dog'))}))
