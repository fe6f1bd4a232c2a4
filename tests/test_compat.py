import copy
import importlib.util
import subprocess
import sys

import pytest
import torch
from cli import ROOT, environment
from mmdet.models.dense_heads import SSDHead
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from tiny_detectors import samples, tiny_model

from mmdet_multimix import compat
from mmdet_multimix.ops.checks import check_attention, check_labels

BLOCK = """
import sys
sys.path.insert(0, {root!r})
{setup}
import mmdet_multimix

pytestmark = pytest.mark.smoke
"""


def import_error(setup):
    code = BLOCK.format(root=str(ROOT), setup=setup)
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=environment())
    assert result.returncode != 0
    return result.stderr


@pytest.mark.parametrize('name', ['mmdet', 'mmengine'])
def test_a_missing_part_of_the_stack_says_what_to_install(name):
    text = import_error(f"sys.modules['{name}'] = None")
    assert f'needs {name}' in text and '[onedl]' in text and '[openmmlab]' in text


def test_mmcv_without_ops_is_told_apart():
    text = import_error("sys.modules['mmcv.ops'] = None")
    assert 'without its compiled ops' in text and '--no-build-isolation' in text


def test_an_unsupported_version_is_named(monkeypatch):
    import mmdet

    monkeypatch.setattr(mmdet, '__version__', '2.28.0')
    with pytest.raises(ImportError, match=r'needs mmdet>=3\.1,<3\.6, but 2\.28\.0 is installed'):
        compat.check_stack()


def test_stock_ssd_trains_and_predicts():
    model = MODELS.build(tiny_model('ssd300')).eval()
    model.init_weights()  # until then the weight of its L2 norm is whatever was in memory
    data = model.data_preprocessor(pseudo_collate(list(samples('ssd300', (2, 1)))), True)
    assert sum(model(**data, mode='loss')['loss_cls']) > 0
    with torch.no_grad():
        assert all(hasattr(sample, 'pred_instances') for sample in model(**data, mode='predict'))
    assert not any('loss_cls' in key for key in model.state_dict())


def test_an_ssd_head_with_a_loss_of_its_own_keeps_it():
    class FocalSSDHead(SSDHead):
        def __init__(self, loss_cls=None, **kwargs):
            super().__init__(**kwargs)
            if loss_cls:
                self.loss_cls = MODELS.build(loss_cls)

    cfg = tiny_model('ssd300').bbox_head
    cfg.pop('type')
    head = FocalSSDHead(loss_cls=dict(type='FocalLoss'), **cfg)
    for found in (head, copy.deepcopy(head)):
        assert type(found.loss_cls).__name__ == 'FocalLoss' and 'loss_cls' in dict(found.named_children())
    plain = FocalSSDHead(**cfg)
    assert plain.loss_cls is None and not hasattr(plain.loss_cls, 'custom_cls_channels')
    plain.loss_cls = None
    assert plain.loss_cls is None


def test_torch_2_0_keeps_what_is_fused_out_of_graphs_in_its_own_way(monkeypatch):
    monkeypatch.delattr(torch, 'compiler')  # it came with torch 2.1
    name, path = 'mmdet_multimix.ops.fused_autograd_again', ROOT / 'mmdet_multimix/ops/fused_autograd.py'
    spec = importlib.util.spec_from_file_location(name, path)
    again = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, again)
    spec.loader.exec_module(again)
    monkeypatch.undo()
    logits, targets, weights = torch.randn(1, 3, 4), torch.tensor([[0, 3, 1]]), torch.eye(3).unsqueeze(0)
    compiled = torch.compile(lambda x: again.fused_loss('softmax', 2 * x, targets, weights), backend='eager')
    expected = torch.nn.functional.cross_entropy(2 * logits[0], targets[0])
    assert torch.allclose(compiled(logits), expected)


def test_torch_2_0_takes_no_message_for_what_a_device_asserts(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, '_assert_async', lambda good: asked.append(good.shape))
    check_labels(torch.zeros(2, dtype=torch.long, device='meta'), 3)
    check_attention(torch.zeros(2, 3, device='meta'))
    assert asked == [(), ()]
