from checking import error_of, training_on
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config


def test_swin_reads_init_cfg_by_itself(tmp_path):
    (tmp_path / 'b.pth').touch()
    init = dict(type='MultiMixPretrained', checkpoint=str(tmp_path / 'b.pth'))
    dataset = coco_with(tmp_path / 'coco')
    text = error_of(training_on(dataset, model=dict(backbone=dict(type='SwinTransformer', init_cfg=init))))
    assert 'move it to the detector' in text
    check_config(training_on(dataset, model=dict(backbone=dict(type='ResNet', init_cfg=init))))
