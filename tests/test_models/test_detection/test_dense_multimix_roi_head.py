"""DenseMultiMixRoIHead: what it adds to the losses, and what it leaves as it was."""

import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures.bbox import bbox2roi
from mmengine.dataset import pseudo_collate
from tiny_detectors import CLASSES, samples, tiny_model
from tolerances import assert_near
from torch import nn
from torch.nn import functional as F

from mmdet_multimix.ops import reference, sample_weights

KEYS = {'loss_dense_multimix', 'loss_dense_cls'}


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


def config(name='faster_rcnn_fpn', **dense_multimix):
    cfg = tiny_model(name)
    cfg.roi_head.update(type='DenseMultiMixRoIHead', dense_multimix=dict(n=20, **dense_multimix))
    return cfg


def build(cfg, learned=True):
    model = MODELS.build(cfg)
    model.init_weights()
    if learned:
        nn.init.normal_(model.roi_head.dense_cls.weight, std=0.3)
    return model


def data_of(model, name='faster_rcnn_fpn', objects=(3, 2)):
    return model.data_preprocessor(pseudo_collate(list(samples(name, objects))), True)


def losses_of(model, data):
    torch.manual_seed(3)
    return model(**data, mode='loss')


@pytest.mark.parametrize('attention', ['gap', 'cam'])
@pytest.mark.parametrize('among', ['foreground', 'all'])
def test_the_losses_are_the_papers_by_loops(among, attention):
    cfg = config(among=among, attention=attention, loss_weight=0.7, clean_weight=0.2)
    cfg.train_cfg.rcnn.sampler.num = 8
    model = build(cfg).eval()
    head, seen = model.roi_head, {}
    bbox_loss = type(head).bbox_loss

    head.dense_multimix.generator = torch.Generator().manual_seed(4)

    def watched(x, sampling_results):
        seen['results'] = bbox_loss(head, x, sampling_results)
        seen['sampled'] = sampling_results
        return seen['results']

    head.bbox_loss = watched
    losses = losses_of(model, data_of(model))

    # Labels as the sampler gives them: objects first, then background, image by image.
    labels = torch.cat(
        [
            torch.cat([r.pos_gt_labels, r.pos_gt_labels.new_full((len(r.neg_priors),), CLASSES)])
            for r in seen['sampled']
        ]
    )
    rois = bbox2roi([torch.cat([r.pos_priors, r.neg_priors]) for r in seen['sampled']])
    assert len(rois) == len(labels) == 16
    keep = labels < CLASSES if among == 'foreground' else labels <= CLASSES
    z = seen['results']['bbox_feats'][keep].detach().double().flatten(2)  # (b, d, r)
    labels = labels[keep]
    b, _, r = z.shape
    fc = head.dense_cls.weight.double(), head.dense_cls.bias.double()
    generator = torch.Generator().manual_seed(4)
    weights = sample_weights(20, b, r=r, ess=3, generator=generator).double()
    directions = z.mean(dim=2) if attention == 'gap' else fc[0][labels]
    maps = torch.stack([reference.attention_map(*of_roi) for of_roi in zip(z, directions, strict=True)])
    total = reference.dense_multimix(z, labels, weights, maps, *fc)
    assert_near(losses['loss_dense_multimix'], 0.7 * total, torch.float32)
    clean = F.cross_entropy(F.linear(z.mean(dim=2), *fc), labels)
    assert_near(losses['loss_dense_cls'], 0.2 * clean, torch.float32)


@pytest.mark.parametrize('name', ['faster_rcnn_fpn', 'faster_rcnn_ohem', 'mask_rcnn'])
def test_beside_the_losses_of_the_stock_head(name):
    ours = build(config(name)).eval()
    stock = MODELS.build(tiny_model(name)).eval()
    stock.load_state_dict(ours.state_dict(), strict=True)
    data = data_of(ours, name)
    losses, plain = losses_of(ours, data), losses_of(stock, data)
    assert set(losses) == set(plain) | KEYS and all(losses[key] > 0 for key in KEYS)
    _, losses_by_name = ours.parse_losses(losses)
    _, plain_by_name = stock.parse_losses(plain)
    assert all(torch.equal(losses_by_name[key], plain_by_name[key]) for key in plain)
    sum(losses[key] for key in KEYS).backward()
    learns = {
        name.split('.')[0] for name, p in ours.named_parameters() if p.grad is not None and p.grad.any()
    }
    assert learns == {'backbone', 'neck', 'roi_head'}
    box_heads = [p for name, p in ours.named_parameters() if 'bbox_head' in name or 'mask_head' in name]
    assert all(p.grad is None for p in box_heads) and ours.roi_head.dense_cls.weight.grad.any()


@pytest.mark.parametrize('objects', [(0, 0), (0,), (3, 0)])
@pytest.mark.parametrize('dense', [dict(), dict(among='balanced'), dict(among='all'), dict(loss_weight=0.0)])
def test_keys_and_gradients_do_not_depend_on_the_objects(objects, dense):
    model = build(config(**dense)).train()
    losses = losses_of(model, data_of(model, objects=objects))
    mixes = (any(objects) or dense == dict(among='all')) and dense != dict(loss_weight=0.0)
    assert all((losses[key] > 0) == mixes for key in KEYS)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total) and all(p.grad is not None for p in model.roi_head.dense_cls.parameters())


def test_one_class_one_object():
    cfg = config(among='all')
    cfg.roi_head.bbox_head.num_classes = 1
    model = build(cfg)
    (sample,) = samples('faster_rcnn_fpn', (1,))
    sample['data_samples'].gt_instances.labels *= 0
    losses = losses_of(model.train(), model.data_preprocessor(pseudo_collate([sample]), True))
    assert all(torch.isfinite(losses[key]) and losses[key] > 0 for key in KEYS)


def test_under_autocast_the_losses_are_in_float32():
    head = build(config(among='all')).roi_head
    maps, labels = torch.randn(10, 32, 7, 7, requires_grad=True), torch.arange(10) % (CLASSES + 1)
    head.dense_multimix.generator = torch.Generator().manual_seed(1)
    expected = head.dense_multimix.losses(maps.detach(), labels, head.dense_cls)
    head.dense_multimix.generator.manual_seed(1)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = head.dense_multimix.losses(maps.bfloat16(), labels, head.dense_cls)
    sum(losses.values()).backward()
    for key, value in losses.items():
        assert value.dtype == torch.float32
        assert_near(value, expected[key], torch.bfloat16)
    assert head.dense_cls.weight.grad.isfinite().all() and maps.grad.any()


def test_it_stands_beside_a_box_head_that_mixes():
    cfg = config()
    cfg.roi_head.bbox_head.update(type='MultiMixShared2FCBBoxHead', multimix=dict(n=20))
    model = build(cfg)
    losses = losses_of(model.train(), data_of(model))
    assert set(losses) >= KEYS | {'loss_multimix', 'loss_cls'}


def test_without_a_clean_loss():
    model = build(config(clean_weight=0.0))
    assert set(losses_of(model.train(), data_of(model))) & KEYS == {'loss_dense_multimix'}


def test_a_seed_gives_the_detector_the_same_start():
    torch.manual_seed(0)
    ours = build(config(), learned=False)
    torch.manual_seed(0)
    stock = MODELS.build(tiny_model('faster_rcnn_fpn'))
    stock.init_weights()
    state = stock.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in ours.state_dict().items())


def test_built_for_inference_it_has_no_other_parameters_than_the_stock_head():
    cfg = config()
    cfg.train_cfg = None
    model = MODELS.build(cfg)
    stock = MODELS.build(tiny_model('faster_rcnn_fpn'))
    assert [name for name, _ in model.named_parameters()] == [name for name, _ in stock.named_parameters()]


@pytest.mark.parametrize(
    ('name', 'dense', 'message'),
    [
        ('cascade_rcnn', dict(), 'not the stages of a cascade.*MultiMixHook'),
        ('faster_rcnn_fpn', dict(clean_weight=-1), 'clean_weight'),
        ('faster_rcnn_fpn', dict(attention='some'), 'attention'),
    ],
)
def test_what_it_refuses(name, dense, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(config(name, **dense))
    cfg = config()
    cfg.roi_head.pop('bbox_head')
    with pytest.raises(ValueError, match='needs a bbox_head'):
        MODELS.build(cfg)
