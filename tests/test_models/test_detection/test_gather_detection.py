"""The examples of two real processes mixed together, against one process with all of them."""

import os
import tempfile

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmdet.registry import MODELS
from mmengine.structures import InstanceData
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdet_multimix.models.detection import DenseRoIMultiMix, DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.head_mixer import HeadMixer
from mmdet_multimix.models.detection.mixable_heads import form_of_head

C = 3  # classes of objects
SPLITS = {'equal': (6, 6), 'unequal': (9, 3), 'one empty': (0, 12)}
CASES = {
    'softmax': lambda g: DetectionMultiMix(n=30, among='foreground', gather=g),
    'softmax, m < b': lambda g: DetectionMultiMix(n=30, m=3, among='foreground', gather=g),
    'focal': lambda g: DetectionMultiMix(n=30, among='all', form=MixedForm('focal'), gather=g),
    'sigmoid': lambda g: DetectionMultiMix(n=30, among='foreground', form=MixedForm('sigmoid'), gather=g),
    'dense': lambda g: DenseRoIMultiMix(n=20, among='all', gather=g),
    'head': lambda g: dict(n=30, among='all', gather=g),
    'hook': lambda g: dict(n=30, among='all', gather=g),
}


class Net(nn.Module):
    """A classifier of RoI maps with its mixed loss inside, so that DDP sees one forward."""

    def __init__(self, case, gather):
        super().__init__()
        self.conv, made = nn.Conv2d(2, 4, 1), CASES[case](gather)
        self.head = None
        if isinstance(made, dict):
            kind = 'MultiMixBBoxHead' if case == 'head' else 'BBoxHead'
            cfg = dict(with_avg_pool=True, roi_feat_size=2, in_channels=4, num_classes=C)
            self.head = MODELS.build({'type': kind, **cfg, **({'multimix': made} if case == 'head' else {})})
            if case == 'hook':
                HeadMixer('bbox_head', self.head, DetectionMultiMix(**made))
            self.mix = self.head.multimix
        else:
            form = getattr(made, 'form', MixedForm())
            self.fc, self.mix = nn.Linear(4, C + (form.kind == 'softmax')), made

    def forward(self, x, labels):
        z = self.conv(x)
        if self.head is not None:
            boxes, b = torch.rand(len(x), 4, dtype=x.dtype), len(x)
            rois = torch.cat([boxes[:, :1] * 0, boxes], dim=1)
            scores, deltas = self.head(z) if b else (self.head.fc_cls(z.mean((2, 3))), x.new_zeros(0, 4 * C))
            losses = self.head.loss(scores, deltas, rois, labels, x.new_ones(b), boxes, torch.ones(b, 4))
            return losses['loss_multimix']
        if isinstance(self.mix, DenseRoIMultiMix):
            return self.mix.losses(z, labels, self.fc)['loss_multimix']
        return self.mix.losses(self.fc(z.mean((2, 3))), labels)['loss_multimix']


def step(case, lo, hi, *, gather, parallel=False):
    """Loss and parameter gradients of the examples lo:hi."""
    torch.manual_seed(0)
    x, labels = torch.randn(12, 2, 2, 2, dtype=torch.float64), torch.randint(0, C + 1, (12,))
    net = Net(case, gather).double()
    net.mix.generator = torch.Generator().manual_seed(7)
    model = DistributedDataParallel(net, find_unused_parameters=True) if parallel else net
    loss = model(x[lo:hi], labels[lo:hi])
    loss.backward()
    grads = {name: p.grad for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    return loss.detach(), grads, list(net.mix.group_sizes), net.mix.mixed_labels.tolist()


def worker(rank, rendezvous, folder):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2)
    results = {}
    for name, split in SPLITS.items():
        lo = sum(split[:rank])
        for case in CASES:
            results[name, case] = step(case, lo, lo + split[rank], gather=True, parallel=True)
    results['drawn'] = drawn(rank)
    results['silent'] = silent(rank)
    results['yolox'] = yolox(rank)
    torch.save(results, os.path.join(folder, f'{rank}.pt'))
    dist.destroy_process_group()


def drawn(rank):
    """Choosing at random, differently many on each rank, and then weights that both draw."""
    torch.manual_seed(rank)
    labels = torch.tensor([0, 1, C, C, C, C, C]) if rank else torch.tensor([0, *[C] * 20])
    module = DetectionMultiMix(n=20, among='balanced', gather=True)
    module.record = True
    scores, rois = torch.randn(len(labels), C + 1), torch.full((len(labels), 5), 7.0)
    losses = [module.losses(scores, labels, origins=rois)['loss_multimix'] for _ in range(3)]
    return losses, module.mixed_labels.tolist(), module.mixed_origins[:, 0].isnan().tolist()


def silent(rank):
    """A one-stage head that skips its loss on one rank."""

    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.loss_cls = MODELS.build(dict(type='FocalLoss'))

        def loss_by_feat(self, cls_scores, batch_gt_instances):
            return dict(loss_cls=cls_scores.sum())

    head = Head()
    HeadMixer('bbox_head', head, DetectionMultiMix(gather=True, form=MixedForm('focal')))
    try:
        head.loss_by_feat(torch.randn(2, 3), [InstanceData()])
    except RuntimeError as error:
        return str(error)


def yolox(rank):
    """mmdet's YOLOX, which skips its loss of classes on a rank without objects, in two precisions."""
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            type='YOLOXHead',
            num_classes=C,
            in_channels=4,
            feat_channels=4,
            stacked_convs=1,
            strides=(8,),
            train_cfg=dict(assigner=dict(type='SimOTAAssigner', center_radius=2.5)),
        )
    )
    mixer = HeadMixer('bbox_head', head, DetectionMultiMix(n=20, gather=True, form=form_of_head(head)))
    head.multimix.record = True
    found, unknown = [], []
    for objects, weight in ((1 - rank, 1.0), (0, 1.0), (1 - rank, 0.0)):
        head.multimix.loss_weight = weight
        boxes = torch.tensor([[4.0, 4.0, 28.0, 28.0]]).repeat(objects, 1)
        instances = InstanceData(bboxes=boxes, labels=torch.ones(objects, dtype=torch.long))
        for dtype in (torch.float32, torch.bfloat16):
            with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
                outs = head([torch.ones(1, 4, 4, 4)])
                losses = head.loss_by_feat(*outs, [instances], [dict(img_shape=(32, 32))])
            losses['loss_multimix'].backward()
            found.append(float(losses['loss_multimix']))
            origins = head.multimix.mixed_origins
            unknown.append(None if origins is None else origins[:, 0].isnan().tolist())
    return found, unknown, mixer.heard


@pytest.fixture(scope='module')
def ranks():
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, (os.path.join(folder, 'rendezvous'), folder), nprocs=2)
        yield [torch.load(os.path.join(folder, f'{rank}.pt')) for rank in (0, 1)]


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('split', SPLITS)
def test_two_processes_equal_one(ranks, split, case):
    wanted, wanted_grads, sizes, labels = step(case, 0, 12, gather=False)
    assert wanted > 0 and wanted_grads
    for rank in ranks:
        loss, grads, rank_sizes, rank_labels = rank[split, case]
        assert rank_sizes == sizes and rank_labels == labels
        assert abs(loss - wanted) < 1e-6 * wanted
        assert set(grads) == set(wanted_grads)
        for name, grad in grads.items():
            expected = wanted_grads[name]
            assert (grad - expected).abs().max() < 1e-6 * expected.abs().max(), name


def test_what_each_rank_draws_does_not_disturb_what_both_draw(ranks):
    (losses, labels, unknown), (others, other_labels, other_unknown) = (rank['drawn'] for rank in ranks)
    assert losses == others
    assert labels == other_labels == [0, C, 0, 1, C, C]
    assert unknown == [False] * 2 + [True] * 4 and other_unknown == [True] * 2 + [False] * 4


def test_yolox_on_a_rank_without_objects_mixes_those_of_the_others(ranks):
    (losses, unknown, heard), (others, other_unknown, other_heard) = (rank['yolox'] for rank in ranks)
    assert losses == others and heard and not other_heard
    some, none, off = losses[:2], losses[2:4], losses[4:]
    assert min(some) > 0 and none == off == [0, 0]
    # Its targets are soft, of more columns than an example has origins.
    assert all(len(rows) > 0 and not any(rows) for rows in unknown[:2])
    assert all(len(rows) > 0 and all(rows) for rows in other_unknown[:2])
    assert unknown[2:] == other_unknown[2:] == [[], [], None, None]


def test_a_head_that_skips_its_loss_does_not_let_the_others_wait(ranks):
    assert all('cannot be mixed with gather=True' in rank['silent'] for rank in ranks)


@pytest.mark.parametrize('kind', [DetectionMultiMix, DenseRoIMultiMix])
def test_gathered_and_within_an_image(kind):
    with pytest.raises(ValueError, match='gather=True mixes the examples of all ranks, within_image=True'):
        kind(gather=True, within_image=True)


def test_a_loss_cannot_gather():
    with pytest.raises(ValueError, match='MultiMixLoss cannot gather'):
        MODELS.build(dict(type='MultiMixLoss', gather=True))
