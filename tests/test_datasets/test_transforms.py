import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from mmdet_multimix.datasets import build_transforms


def test_steps_run_in_order_and_end_in_a_tensor():
    pipeline = build_transforms([{'type': 'Resize', 'size': 20}, {'type': 'CenterCrop', 'size': 12}])
    out = pipeline(Image.new('RGB', (40, 30), (1, 2, 3)))
    assert out.shape == (3, 12, 12)
    assert out.dtype == torch.uint8
    assert out[:, 0, 0].tolist() == [1, 2, 3]


def test_interpolation_by_name():
    pipeline = build_transforms([{'type': 'Resize', 'size': 20, 'interpolation': 'nearest'}])
    assert pipeline.transforms[0].interpolation is v2.InterpolationMode.NEAREST


def test_config_is_left_as_it_was():
    cfg = {'type': 'Resize', 'size': 20, 'interpolation': 'nearest'}
    build_transforms([cfg])
    assert cfg == {'type': 'Resize', 'size': 20, 'interpolation': 'nearest'}


@pytest.mark.parametrize(
    ('cfg', 'message'),
    [
        ({'type': 'RandomResizeCrop', 'size': 8}, 'did you mean RandomResizedCrop'),
        ({'type': 'nothing like it'}, "no transform 'nothing like it'"),
        ({'type': 'Resize', 'sise': 8}, 'transform Resize: .*sise'),
        ({'type': 'Resize', 'size': 8, 'interpolation': 'cubic'}, 'cubic'),
        ({'size': 8}, 'must be a dict with a `type`'),
        ('Resize', 'must be a dict with a `type`'),
    ],
)
def test_what_torchvision_does_not_take_is_named(cfg, message):
    with pytest.raises(ValueError, match=message):
        build_transforms([cfg])
