"""What a config must have before anything else is asked of it, and what only looks like a fault."""

import pytest
from checking import detector, mmdets
from mmdet.registry import MODELS
from mmengine.config import Config
from torch import nn

from mmdet_multimix.checks.config_file import check_needed
from mmdet_multimix.utils.one_line import InputError

SOFT_NMS = dict(type='soft_nms', iou_threshold=0.5, method='linear')


@pytest.mark.parametrize(
    'name',
    [
        'cornernet/cornernet_hourglass104_8xb6-210e-mstest_coco',
        'centripetalnet/centripetalnet_hourglass104_16xb6-crop511-210e-mstest_coco',
        'soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco',
    ],
)
def test_mmdets_own_configs_are_complete(name):
    for stage in ('train', 'test'):
        check_needed(mmdets(name), stage)


@pytest.mark.parametrize(
    'more',
    [
        dict(model=dict(test_cfg=dict(rcnn=dict(nms=SOFT_NMS)))),
        dict(model=dict(train_cfg=dict(rpn_proposal=dict(nms=SOFT_NMS)))),
        dict(tta_model=dict(type='DetTTAModel', tta_cfg=dict(nms=SOFT_NMS))),
        dict(backbone='r18', method='baseline', head=3),
        dict(custom_hooks=[dict(type='TheirHook', method='temperature')]),
        dict(train_dataloader=dict(dataset=dict(type='TheirDataset', metainfo='names.txt'))),
    ],
)
def test_a_name_where_no_part_is_built_is_no_fault(more):
    cfg = detector('faster_rcnn_r50_fpn_coco')
    cfg.merge_from_dict(more)
    check_needed(cfg, 'train')


def test_a_model_of_another_package_may_take_names(monkeypatch):
    class Theirs(nn.Module):
        def __init__(self, backbone, neck):
            super().__init__()

    monkeypatch.setitem(MODELS.module_dict, 'Theirs', Theirs)
    cfg = detector('faster_rcnn_r50_fpn_coco')
    for kind in ('Theirs', Theirs, 'NotRegistered'):
        cfg.model = dict(type=kind, backbone='resnet18', neck=3)
        check_needed(cfg, 'train')


def test_a_name_in_the_place_of_a_part_is_refused():
    class Mine(MODELS.get('FasterRCNN')):
        pass

    def said(model, **more):
        cfg = Config(dict(detector('faster_rcnn_r50_fpn_coco').to_dict(), model=model))
        cfg.merge_from_dict(more)
        with pytest.raises(InputError) as error:
            check_needed(cfg, 'train')
        return str(error.value).split('\n')[1:]

    parts = dict(backbone='ResNet', roi_head=dict(type='StandardRoIHead', bbox_head=2))
    lines = [
        "  - model.backbone must be a dict, got 'ResNet'",
        '  - model.roi_head.bbox_head must be a dict, got 2',
    ]
    assert said(dict(type='mmdet.FasterRCNN', **parts)) == lines
    inner = dict(type='SoftTeacher', detector=dict(type='FasterRCNN', **parts))
    assert said(inner) == [line.replace('model.', 'model.detector.') for line in lines]
    assert said(dict(type=Mine, **parts)) == lines
    classifier = dict(type='ImageClassifier', backbone={}, head={}, method='CutMix')
    assert said(classifier) == ["  - model.method must be a dict, got 'CutMix'"]
    assert said({}, train_dataloader=dict(dataset=dict(metainfo=3))) == [
        '  - train_dataloader.dataset.metainfo must be a dict, got 3'
    ]
