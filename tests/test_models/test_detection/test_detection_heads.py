"""The heads that mix by themselves: as the stock heads, and with the term that the hook would add."""

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.dataset import pseudo_collate
from tiny_detectors import mix, samples, tiny_model

OPTIONS = dict(n=30, among='foreground', loss_weight=0.2)
HEADS = {
    'MultiMixBBoxHead': ('faster_rcnn_c4', {}),
    'MultiMixShared2FCBBoxHead': ('faster_rcnn_fpn', {}),
    'MultiMixConvFCBBoxHead': ('faster_rcnn_fpn', dict(num_shared_fcs=1)),
    'MultiMixShared4Conv1FCBBoxHead': ('faster_rcnn_fpn', dict(conv_out_channels=8)),
    'MultiMixSSDHead': ('ssd300', {}),
}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def build(name, kind, **kwargs):
    cfg = tiny_model(name)
    (cfg.roi_head if 'roi_head' in cfg else cfg).bbox_head.update(type=kind, **kwargs)
    return MODELS.build(cfg)


def losses_of(model, data):
    torch.manual_seed(3)
    return model.parse_losses(model(**data, mode='loss'))[1]


@pytest.mark.parametrize('kind', HEADS)
def test_head(kind):
    name, options = HEADS[kind]
    ours = build(name, kind, multimix=dict(OPTIONS), **options)
    ours.init_weights()
    stock = build(name, kind.replace('MultiMix', ''), **options)
    stock.load_state_dict(ours.state_dict(), strict=True)
    assert list(stock.state_dict()) == list(ours.state_dict())
    data = ours.data_preprocessor(pseudo_collate(list(samples(name, (2, 1)))), True)
    for model in (ours, stock):
        model.eval()
    losses, plain = losses_of(ours, data), losses_of(stock, data)
    assert set(losses) == set(plain) | {'loss_multimix'}
    assert all(torch.equal(losses[key], plain[key]) for key in set(plain) - {'loss'})

    ours_head = ours.bbox_head if name == 'ssd300' else ours.roi_head.bbox_head
    for mixing in (mix(stock, **OPTIONS)[0].head.multimix, ours_head.multimix):
        mixing.generator = torch.Generator().manual_seed(4)
    losses = losses_of(ours, data)
    assert torch.equal(losses_of(stock, data)['loss_multimix'], losses['loss_multimix'])
    with torch.no_grad():
        assert len(ours(**data, mode='predict')) == 2
