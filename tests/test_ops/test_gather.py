"""Two real processes against one with the whole mini-batch."""

import os
import tempfile

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from tolerances import assert_near
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.ops.gather import gather_examples

SPLITS = {'equal': (4, 4), 'unequal': (5, 3), 'one empty': (0, 8)}
CASES = {
    'multimix': (MultiMix, dict(n=30), 'integer'),
    'multimix, m < b, clean': (MultiMix, dict(n=30, m=3, clean_weight=0.5, loss_weight=2.0), 'integer'),
    'multimix, ess': (MultiMix, dict(n=30, ess=3, clean_weight=0.5), 'integer'),
    'dense, ess': (DenseMultiMix, dict(n=20, ess=(2, 4)), 'integer'),
    'multimix, soft': (MultiMix, dict(n=30, clean_weight=0.5), 'soft'),
    'dense': (DenseMultiMix, dict(n=20, clean_weight=0.5), 'integer'),
    'dense, cam, soft': (DenseMultiMix, dict(n=20, attention='cam'), 'soft'),
    'dense, attention trained': (DenseMultiMix, dict(n=20, attention_grad=True), 'integer'),
}
# What the second of two tensors is on either rank.
OTHERS = {
    'soft beside integers': (torch.zeros(2, 5), torch.zeros(2, dtype=torch.long)),
    'other classes': (torch.zeros(2, 5), torch.zeros(2, 6)),
    'other precision': (torch.zeros(2, 5), torch.zeros(2, 5, dtype=torch.float64)),
}


class Net(nn.Module):
    """A tiny classifier with its loss inside, so that DDP sees one forward."""

    def __init__(self, loss):
        super().__init__()
        self.conv, self.fc, self.loss = nn.Conv2d(2, 6, 1), nn.Linear(6, 5), loss

    def forward(self, x, targets):
        z = self.conv(x)
        if isinstance(self.loss, DenseMultiMix):
            return self.loss(z, targets, self.fc)
        return self.loss(self.fc(z.mean(dim=(2, 3))), targets)


def steps(case, lo, hi, *, gather, own_generator, parallel=False):
    """Losses and parameter gradients of two steps on examples lo:hi."""
    kind, options, targets = CASES[case]
    torch.manual_seed(0)
    x = torch.randn(2, 8, 2, 2, 3, dtype=torch.float64)
    y = torch.randint(0, 5, (2, 8)) if targets == 'integer' else torch.rand(2, 8, 5, dtype=torch.float64)
    generator = torch.Generator().manual_seed(7) if own_generator else None
    net = Net(kind(gather=gather, generator=generator, **options)).double()
    model = DistributedDataParallel(net) if parallel else net
    torch.manual_seed(1)
    results = []
    for step in range(2):
        net.zero_grad()
        loss = model(x[step, lo:hi], y[step, lo:hi])
        loss.backward()
        results.append((loss.detach(), [p.grad.clone() for p in net.parameters()]))
    return results


def worker(rank, rendezvous, folder):
    torch.set_num_threads(1)
    dist.init_process_group('gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2)
    results = {}
    for name, split in SPLITS.items():
        lo = sum(split[:rank])
        for case in CASES:
            for own in (True, False):
                args = dict(gather=True, own_generator=own, parallel=True)
                results[name, case, own] = steps(case, lo, lo + split[rank], **args)
    integers = torch.arange(3 + rank) + 10 * rank
    results['labels'] = gather_examples(integers, dims=(0,))[0]
    for name, options in OTHERS.items():
        try:
            gather_examples(torch.zeros(2, 5), options[rank], dims=(0, 0))
        except ValueError as error:
            results[name] = str(error)
    torch.save(results, os.path.join(folder, f'{rank}.pt'))
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def ranks():
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(worker, (os.path.join(folder, 'rendezvous'), folder), nprocs=2)
        yield [torch.load(os.path.join(folder, f'{rank}.pt')) for rank in (0, 1)]


@pytest.mark.parametrize('own_generator', [True, False])
@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('split', SPLITS)
def test_two_processes_equal_one(ranks, split, case, own_generator):
    one = steps(case, 0, 8, gather=not own_generator, own_generator=own_generator)
    for rank in ranks:
        for (loss, grads), (wanted, wanted_grads) in zip(rank[split, case, own_generator], one, strict=True):
            assert_near(loss, wanted, torch.float64, 'loss')
            for grad, expected in zip(grads, wanted_grads, strict=True):
                assert_near(grad, expected, torch.float64, 'gradient')


def test_integers_are_gathered_in_the_order_of_the_ranks(ranks):
    for rank in ranks:
        assert rank['labels'].tolist() == [0, 1, 2, 10, 11, 12, 13]


def test_ranks_with_examples_of_other_kinds_are_refused_on_all_of_them(ranks):
    for number, rank in enumerate(ranks):
        for name, options in OTHERS.items():
            assert f'rank {number} has torch.float32 (b, 5), {options[number].dtype} (b' in rank[name]


def test_one_process_needs_no_group():
    x = torch.randn(3, 2)
    assert gather_examples(x, dims=(0,))[0] is x
