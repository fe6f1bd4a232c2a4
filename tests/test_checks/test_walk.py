"""Configs that train with mmdet's own tools, whatever form they are in."""

import pytest
from checking import error_of, training_on
from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import RepeatDataset
from mmengine.fileio import LocalBackend, register_backend
from tiny_sets import coco_with, voc_with

from mmdet_multimix.checks import check_config, check_data, dataset_leaves
from mmdet_multimix.checks.walk import DataSet, data_sets


@pytest.mark.parametrize('path', ['http://example.org/ann.json', 's3://bucket/ann.json'])
def test_annotations_on_another_machine_are_not_looked_for(path):
    dataset = dict(type='CocoDataset', ann_file=path, data_prefix=dict(img='s3://bucket/images/'))
    check_config(training_on(dataset))
    check_config(training_on(dict(type='XMLDataset', ann_file=path)))


def test_a_folder_on_another_machine_is_not_looked_for(tmp_path):
    dataset = dict(coco_with(tmp_path / 'coco'), data_prefix=dict(img='s3://bucket/images/'))
    assert not data_sets(training_on(dataset), ['val_dataloader'])
    check_config(training_on(dataset))
    check_config(training_on(dict(dataset, ann_file='no.json', backend_args=dict(backend='petrel'))))


def test_a_prefix_may_be_text_and_annotations_several_files(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    assert DataSet('', dict(dataset, data_prefix='images/')).prefixes == {'img': 'images/'}
    check_config(training_on(dict(dataset, data_prefix='images/')))
    assert 'nowhere does not exist' in error_of(training_on(dict(dataset, data_prefix='nowhere/')))
    several = dict(dataset, ann_file=['a.json', 'b.json'])
    assert DataSet('', several).annotations is None
    check_config(training_on(several))


def test_a_data_set_may_be_a_list_or_built_already(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    missing = dict(dataset, ann_file='no.json')
    assert [key for key, _ in dataset_leaves([dataset, dict(dataset=[missing])], 'x')] == [
        'x[0]',
        'x[1].dataset[0]',
    ]
    assert 'train_dataloader.dataset[1]: annotation file' in error_of(training_on([dataset, missing]))
    cfg = Config(dict(train_dataloader=dict(dataset=None)))
    cfg._cfg_dict.train_dataloader['dataset'] = DATASETS.build(dataset)
    check_config(cfg)


def test_a_set_of_ones_own_may_mean_anything_by_datasets():
    for value in (None, 'voc', dict(a=dict(ann_file='no.json'))):
        assert not list(dataset_leaves(dict(type='Mine', datasets=value), 'x'))


def test_types_may_be_classes(tmp_path):
    dataset = dict(coco_with(tmp_path / 'coco'), type=CocoDataset)
    check_config(training_on(dict(type=RepeatDataset, times=2, dataset=dataset)))
    missing = dict(type=RepeatDataset, times=2, dataset=dict(dataset, ann_file='no.json'))
    assert 'train_dataloader.dataset.dataset: annotation file' in error_of(training_on(missing))


def test_a_new_style_config_is_checked_too(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    for name in ('ann', 'no'):
        (tmp_path / f'{name}_config.py').write_text(
            'from mmengine.config import read_base\n'
            'from mmdet.datasets import CocoDataset\n'
            'from mmdet.models import ResNet\n'
            f"dataset = dict(type=CocoDataset, data_root={dataset['data_root']!r}, ann_file='{name}.json', "
            "data_prefix=dict(img='images/'), metainfo=dict(classes=('cat', 'dog')))\n"
            'train_dataloader = dict(dataset=dataset)\n'
            'model = dict(backbone=dict(type=ResNet, depth=18))\n'
        )
    check_config(Config.fromfile(tmp_path / 'ann_config.py'))
    assert 'no.json does not exist' in error_of(Config.fromfile(tmp_path / 'no_config.py'))


def test_sets_of_other_types_are_left_to_their_own_code(tmp_path):
    """A list of tracks or of texts in JSON is not laid out like COCO's."""
    (tmp_path / 'a.json').write_text('{"text": "a"}\n{"text": "b"}\n')
    for kind in ('ODVGDataset', 'ReIDDataset'):
        check_config(training_on(dict(type=kind, ann_file=str(tmp_path / 'a.json'))))


def test_remarks_are_said_once_and_by_one_rank(tmp_path, capsys, monkeypatch):
    model = dict(bbox_head=[dict(num_classes=80)] * 2)
    cfg = training_on(coco_with(tmp_path / 'coco'), model=dict(model, auxiliary=model))
    check_config(cfg)
    assert capsys.readouterr().err.count('model.bbox_head[0].num_classes is 80') == 1
    monkeypatch.setenv('RANK', '1')
    check_config(cfg)
    assert not capsys.readouterr().err


def test_the_remedy_is_that_of_the_data(tmp_path):
    """Digits in COCO's format are not on COCO's site."""
    dataset = dict(coco_with(tmp_path / 'coco'), ann_file='digits.json')
    text = error_of(training_on(dataset))
    assert 'cocodataset.org' not in text and 'set data_root, ann_file and data_prefix to where it is' in text
    text = error_of(training_on(dict(dataset, ann_file='annotations/instances_train2017.json')))
    assert 'cocodataset.org' in text
    voc = dict(type='VOCDataset', data_root=str(tmp_path), metainfo=dict(classes=('cat',)))
    assert 'host.robots' not in error_of(training_on(dict(voc, ann_file='cards.txt')))
    assert 'host.robots' in error_of(training_on(dict(voc, ann_file='VOC2007/ImageSets/Main/train.txt')))


@register_backend('packed', force=True)
class Packed(LocalBackend):
    """Stands for an archive: what a config has as ``packed/`` is elsewhere."""

    folder = ''

    def get(self, filepath):
        return super().get(str(filepath).replace('packed/', f'{self.folder}/'))


PACKED = dict(backend='packed')


@pytest.mark.parametrize(
    'loader',
    [
        dict(type='LoadImageFromFile', backend_args=PACKED),
        dict(type='LoadImageFromFile', file_client_args=dict(backend='petrel')),  # the old name
        dict(type='RandomChoice', transforms=[[dict(type='LoadImageFromFile', backend_args=PACKED)]]),
    ],
)
def test_images_in_an_archive_are_not_looked_for(tmp_path, monkeypatch, loader):
    dataset = coco_with(tmp_path / 'coco')
    monkeypatch.setattr(Packed, 'folder', tmp_path / 'elsewhere')
    (tmp_path / 'coco/images').rename(tmp_path / 'elsewhere')
    dataset.update(data_root='', ann_file=f'{tmp_path}/coco/ann.json', data_prefix=dict(img='packed/'))
    packed = dict(dataset, pipeline=[loader])
    if loader.get('backend_args'):
        assert DATASETS.build(packed)[0]['img'].shape == (10, 12, 3)
    check_config(training_on(packed))
    assert check_data([training_on(packed)], {}) == []
    for plain in ([], [dict(type='LoadImageFromFile', backend_args=dict(backend='local'))]):
        assert 'packed does not exist' in error_of(training_on(dict(dataset, pipeline=plain)))


def test_images_of_voc_in_an_archive_are_not_looked_for(tmp_path):
    dataset = dict(voc_with(tmp_path / 'voc'), pipeline=[dict(type='LoadImageFromFile', backend_args=PACKED)])
    (tmp_path / 'voc/JPEGImages').rename(tmp_path / 'elsewhere')
    check_config(training_on(dataset))
    assert check_data([training_on(dataset)], {}) == []
    (tmp_path / 'voc/Annotations/1.xml').unlink()
    assert 'lists 1, but' in error_of(training_on(dataset))


def test_annotations_that_an_evaluator_reads_elsewhere_are_not_looked_for(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    evaluator = dict(type='CocoMetric', ann_file='packed/ann.json')
    cfg = training_on(dataset, val_dataloader=dict(dataset=dataset), val_evaluator=evaluator)
    for backend in (None, {}, dict(backend='local')):
        cfg.val_evaluator.backend_args = backend
        assert 'val_evaluator.ann_file: annotation file packed/ann.json does not exist' in error_of(cfg)
    cfg.val_evaluator.backend_args = PACKED
    check_config(cfg)
    cfg.val_evaluator = [cfg.val_evaluator]
    check_config(cfg)
