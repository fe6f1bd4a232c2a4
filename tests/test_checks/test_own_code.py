"""What code of one's own decides is said at most: it trains, and nobody but its author knows what is right."""

import pytest
from checking import error_of, training_on
from mmdet.datasets import BaseDetDataset, CocoDataset
from mmdet.models import RetinaHead, RetinaNet
from mmdet.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.config import Config
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config
from mmdet_multimix.checks.config_file import check_needed
from mmdet_multimix.utils.one_line import InputError


class Tiles(BaseDetDataset):
    """Reads a folder of text files, or several, as sets of aerial images do."""

    METAINFO = dict(classes=('cat', 'dog'))

    def load_data_list(self):
        return []

    def _join_prefix(self):
        pass


class Merged(CocoDataset):
    def parse_data_info(self, raw_data_info):
        info = super().parse_data_info(raw_data_info)
        info['instances'] = [dict(instance, bbox_label=0) for instance in info['instances']]
        return info


class Relabelled:
    def __init__(self, dataset):
        self.dataset = dataset


class MergeLabels:
    def __call__(self, results):
        results['gt_bboxes_labels'][:] = 0
        return results


class Blur:
    def __call__(self, results):
        return results


class OwnHead(RetinaHead):
    pass


class OwnDetector(RetinaNet):
    pass


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for registry, kinds in (
        (DATASETS, (Tiles, Merged, Relabelled)),
        (TRANSFORMS, (MergeLabels, Blur)),
        (MODELS, (OwnHead, OwnDetector)),
    ):
        for kind in kinds:
            monkeypatch.setitem(registry.module_dict, kind.__name__, kind)


@pytest.mark.parametrize(
    'paths',
    [
        dict(ann_file='labels/'),
        dict(ann_file='labels/', data_prefix=dict(img='images/', depth=None)),
        dict(ann_file='labels/', data_prefix=dict(img=['images/', 'more/'])),
        dict(ann_file='labels/', data_prefix=['images/', 'more/']),
        dict(ann_file=['labels/', 'more/']),
        dict(),
    ],
)
@pytest.mark.parametrize('several', [False, True])
def test_a_reader_of_ones_own_may_take_folders_and_lists(tmp_path, capsys, paths, several):
    for folder in ('labels', 'images'):
        (tmp_path / folder).mkdir()
    root = [str(tmp_path), 'elsewhere'] if several else str(tmp_path)
    check_config(training_on(dict(type='Tiles', data_root=root, **paths)))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ('paths', 'said'),
    [
        (dict(ann_file='labels/*.txt'), 'annotation file'),
        (dict(ann_file='labels', data_prefix=dict(img='train_*')), 'image folder'),
    ],
)
def test_what_it_may_not_find_is_said(tmp_path, capsys, paths, said):
    (tmp_path / 'labels').mkdir()
    check_config(training_on(dict(type='Tiles', data_root=str(tmp_path), **paths)))
    assert f'warning: train_dataloader.dataset: {said}' in capsys.readouterr().err


def head_of(count, kind='RetinaHead', detector='RetinaNet'):
    return dict(type=detector, bbox_head=dict(type=kind, num_classes=count))


@pytest.mark.parametrize(
    'where', ['reader', 'wrapper', 'step', 'inner step', 'head', 'detector', 'inner detector', 'nothing']
)
@pytest.mark.parametrize('count', [1, 3])
def test_a_number_of_classes_that_own_code_may_want_is_said(tmp_path, capsys, where, count):
    dataset, model = coco_with(tmp_path / 'coco'), head_of(count)
    if where == 'reader':
        dataset['type'] = 'Merged'
    elif where == 'wrapper':
        dataset = dict(type='Relabelled', dataset=dataset)
    elif where == 'step':
        dataset['pipeline'] = [dict(type='LoadAnnotations'), dict(type='MergeLabels')]
    elif where == 'inner step':
        step = dict(type='RandomApply', transforms=[dict(type='MergeLabels')])
        dataset = dict(type='MultiImageMixDataset', dataset=dataset, pipeline=[step])
    elif where == 'head':
        model = head_of(count, 'OwnHead')
    elif where == 'detector':
        model = head_of(count, detector='OwnDetector')
    elif where == 'inner detector':
        model = dict(type='SoftTeacher', detector=head_of(count, detector='OwnDetector'))
    else:  # whose own code has nothing to do with labels
        dataset['pipeline'] = [dict(type='Blur')]
    cfg = training_on(dataset, model=model, val_dataloader=dict(dataset=dataset))
    said = f'bbox_head.num_classes is {count}, but'
    if where == 'nothing':
        assert said in error_of(cfg)
    else:
        check_config(cfg)
        assert said in capsys.readouterr().err


def cascade_of(count):
    """Of mmdet, whose heads are a list and have parts that are no models."""
    coder = dict(type='DeltaXYWHBBoxCoder')
    head = dict(type='Shared2FCBBoxHead', num_classes=count, bbox_coder=coder)
    return dict(type='CascadeRCNN', roi_head=dict(type='CascadeRoIHead', bbox_head=[head, head]))


def test_a_number_of_classes_of_stock_code_is_refused(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    cfg = training_on(dataset, model=cascade_of(3), val_dataloader=dict(dataset=dataset))
    assert 'bbox_head[1].num_classes is 3, but' in error_of(cfg)
    # Steps of albumentations are no transforms of mmdet, and never number classes.
    steps = [dict(type='ShiftScaleRotate', p=0.5), dict(type='OneOf', transforms=[dict(type='MedianBlur')])]
    boxes = dict(type='BboxParams', format='pascal_voc', label_fields=['gt_bboxes_labels'])
    dataset['pipeline'] = [dict(type='Albu', transforms=steps, bbox_params=boxes)]
    cfg = training_on(dataset, model=head_of(3), val_dataloader=dict(dataset=dataset))
    assert 'bbox_head.num_classes is 3, but' in error_of(cfg)


@pytest.mark.parametrize('own', [False, True])
def test_a_model_of_ones_own_may_be_measured_on_other_classes(tmp_path, capsys, own):
    train, val = coco_with(tmp_path / 'train'), coco_with(tmp_path / 'val', ('cow', 'dog'))
    model = head_of(2, 'OwnHead' if own else 'RetinaHead')
    cfg = training_on(train, val_dataloader=dict(dataset=val), model=model)
    said = "label 0 is class 'cat' in train_dataloader.dataset, but 'cow'"
    if own:
        check_config(cfg)
        assert said in capsys.readouterr().err
    else:
        assert said in error_of(cfg)


def test_a_loop_of_ones_own_may_take_several_dataloaders(tmp_path):
    good = dict(dataset=coco_with(tmp_path / 'coco'))
    bad = dict(dataset=dict(good['dataset'], ann_file='no.json'))
    loaders = dict(train_dataloader=[good, good], val_dataloader=[good, bad])
    cfg = Config(dict(model={}, optim_wrapper={}, train_cfg=dict(type='OwnLoop'), **loaders))
    check_needed(cfg, 'train')
    text = error_of(cfg)
    assert 'val_dataloader[1].dataset: annotation file' in text and text.count('- ') == 1
    check_config(Config(dict(cfg.to_dict(), val_dataloader=[good])))
    cfg.train_cfg.type = 'IterBasedTrainLoop'
    with pytest.raises(InputError, match='train_dataloader must be a dict'):
        check_needed(cfg, 'train')
