"""Weights in files of safetensors, as timm and Hugging Face publish them."""

import sys

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.runner import CheckpointLoader

from mmdet_multimix.checkpoints import read_checkpoint

BACKBONE = dict(type='ResNet', depth=18, num_stages=1, out_indices=(0,), strides=(1,), dilations=(1,))


@pytest.fixture
def backbone(tmp_path):
    """A file of a backbone's weights, and these."""
    safetensors = pytest.importorskip('safetensors.torch')
    state = {
        name: torch.randn_like(value) if value.is_floating_point() else value
        for name, value in MODELS.build(BACKBONE).state_dict().items()
    }
    safetensors.save_file(state, tmp_path / 'backbone.safetensors')
    return tmp_path / 'backbone.safetensors', state


@pytest.mark.parametrize('initializer', ['MultiMixPretrained', 'Pretrained'])
def test_a_backbone_starts_from_it(backbone, initializer, guard):
    path, state = backbone
    model = MODELS.build(BACKBONE | dict(init_cfg=dict(type=initializer, checkpoint=str(path))))
    model.init_weights()
    torch.testing.assert_close(dict(model.state_dict()), state, rtol=0, atol=0)


def test_a_damaged_file_is_named(backbone, guard):
    path, _ = backbone
    path.write_bytes(path.read_bytes()[:1000])
    for read in (read_checkpoint, lambda path: CheckpointLoader.load_checkpoint(str(path))):
        with pytest.raises(ValueError, match=r'backbone\.safetensors.* cannot be read as safetensors'):
            read(path)


def test_without_the_library_the_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'safetensors', None)
    (tmp_path / 'a.safetensors').touch()
    with pytest.raises(ValueError, match=r'a\.safetensors.* needs safetensors: pip install safetensors'):
        read_checkpoint(tmp_path / 'a.safetensors')
