import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmdet_multimix.checkpoints import load_weights_only


@pytest.fixture
def guard(monkeypatch):
    """As in a tool's process, and only for one test."""
    monkeypatch.setenv('TORCH_FORCE_WEIGHTS_ONLY_LOAD', '0')
    monkeypatch.setattr(CheckpointLoader, 'load_checkpoint', CheckpointLoader.__dict__['load_checkpoint'])
    monkeypatch.setattr(mmengine_checkpoint, '_safe_torch_load', None, raising=False)
    if not hasattr(mmengine_checkpoint, 'get_torch_safe_globals'):  # upstream has neither
        monkeypatch.delattr(mmengine_checkpoint, '_safe_torch_load')
    monkeypatch.setattr(
        torch.serialization, '_weights_only_unpickler', torch.serialization._weights_only_unpickler
    )
    load_weights_only()
