"""SSD300 on ResNets: shapes, anchors, parameters and normalisation, by other means than the code's."""

import pytest
import torch
import torchvision
from cli import ROOT
from mmdet.registry import MODELS, TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmdet_multimix  # noqa: F401

SIDES = (38, 19, 10, 5, 3, 1)  # of SSD300, Liu et al., ECCV 2016
PER_PLACE = (4, 6, 6, 6, 4, 4)
# The sides of the square anchors of SSD300 on VOC, pixels: 0.1, then from 0.2 to 0.88 of 300, and their means.
SQUARES = (30, 60, 111, 162, 213, 264, 315)


def config(name='ssd300_r50_voc0712', depth=50):
    init_default_scope('mmdet')
    cfg = Config.fromfile(ROOT / f'configs/detection/{name}.py')
    cfg.model.backbone.init_cfg = None
    if depth == 18:
        channels = (128, 256, 512, 256, 256, 256)
        cfg.model.backbone.depth = 18
        cfg.model.neck.update(in_channels=channels[:2], out_channels=channels)
        cfg.model.bbox_head.in_channels = channels
    return cfg


def resnet_parameters(depth):
    """torchvision's, without its layer4 and classifier."""
    model = getattr(torchvision.models, f'resnet{depth}')()
    del model.layer4, model.fc
    return sum(value.numel() for value in model.parameters())


def conv(inputs, outputs, kernel):
    return outputs * (inputs * kernel**2 + 1)


@pytest.mark.parametrize('depth', [18, 50])
def test_shapes_anchors_and_parameters(depth):
    cfg = config(depth=depth)
    model = MODELS.build(cfg.model).eval()
    with torch.no_grad():
        scores, boxes = model(torch.zeros(2, 3, 300, 300))
    assert [score.shape for score in scores] == [
        (2, k * 21, s, s) for s, k in zip(SIDES, PER_PLACE, strict=True)
    ]
    assert [box.shape for box in boxes] == [(2, k * 4, s, s) for s, k in zip(SIDES, PER_PLACE, strict=True)]

    widths = (128, 256, 512, 256, 256, 256) if depth == 18 else (512, 1024, 512, 256, 256, 256)
    neck = widths[0]  # the scales of the L2 norm
    for level, kernel in zip(range(2, 6), (3, 3, 3, 3), strict=True):
        neck += conv(widths[level - 1], widths[level] // 2, 1) + conv(
            widths[level] // 2, widths[level], kernel
        )
    head = sum(conv(width, k * 25, 3) for width, k in zip(widths, PER_PLACE, strict=True))
    assert sum(value.numel() for value in model.parameters()) == resnet_parameters(depth) + neck + head


def test_anchors_fit_the_levels():
    generator = MODELS.build(config().model).bbox_head.prior_generator
    levels = generator.grid_priors([(side, side) for side in SIDES], device='cpu')
    assert [len(level) for level in levels] == [
        side**2 * count for side, count in zip(SIDES, PER_PLACE, strict=True)
    ]
    assert sum(map(len, levels)) == 8732
    for level, (anchors, side) in enumerate(zip(levels, SIDES, strict=True)):
        centers = (anchors[:, :2] + anchors[:, 2:]) / 2
        assert centers.min() > 0 and centers.max() < 300 + 300 / side  # over the image, to within a place
        assert abs(float(centers.mean()) - 150) < 300 / side / 2 + 4
        edges = (anchors[0, 2:] - anchors[0, :2]).tolist()
        assert edges == pytest.approx([SQUARES[level]] * 2, abs=0.01)
        larger = (anchors[1, 2:] - anchors[1, :2]).tolist()
        assert larger == pytest.approx([(SQUARES[level] * SQUARES[level + 1]) ** 0.5] * 2, abs=0.01)


def test_l2_norm_levels_the_scales_of_pretrainings():
    model = MODELS.build(config(depth=18).model)
    model.init_weights()
    features = [torch.rand(1, 128, 38, 38), torch.rand(1, 256, 19, 19)]
    first = model.neck(features)[0]
    assert torch.allclose(first.norm(dim=1), torch.full((1, 38, 38), 20.0), atol=1e-3)
    assert torch.allclose(model.neck([features[0] * 50, features[1]])[0], first, atol=1e-3)


def test_the_backbone_gets_the_numbers_of_its_pretraining():
    cfg = config()
    pretraining = Config.fromfile(ROOT / 'configs/pretrain/resnet50_imagenet_ce.py').model.data_preprocessor
    for key in ('mean', 'std'):
        assert cfg.model.data_preprocessor[key] == pretraining[key]
    assert cfg.model.data_preprocessor.bgr_to_rgb
    # What Expand adds around an image is read as BGR and must become 0, as a padded border is.
    for dataset in cfg.train_dataloader.dataset.datasets:
        expand = TRANSFORMS.build({**dataset.pipeline[2], 'prob': 1.0, 'ratio_range': (3, 3)})
        image = expand(dict(img=torch.zeros(8, 8, 3).numpy()))['img']
        fill = pytest.approx(pretraining.mean[::-1], abs=1e-4)
        assert image.shape == (24, 24, 3)
        assert any(corner == fill for corner in image[[0, 0, -1, -1], [0, -1, 0, -1]].tolist())


def test_multimix_changes_no_parameter():
    plain = MODELS.build(config(depth=18).model).state_dict()
    mixed = MODELS.build(config('ssd300_r50_voc0712_multimix', depth=18).model).state_dict()
    assert {key: value.shape for key, value in plain.items()} == {k: v.shape for k, v in mixed.items()}
