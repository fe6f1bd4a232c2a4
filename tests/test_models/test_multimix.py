"""The modules: what they compute, own, refuse, and leave alone."""

import copy
import io
import pickle

import pytest
import torch
from largest import Largest
from tolerances import assert_near
from torch import nn
from torch.nn import functional as F

from mmdet_multimix.models import SETTINGS, DenseMultiMix, MultiMix
from mmdet_multimix.ops import attend, mixed_cross_entropy, reference, sample_weights, spatial_attention

F64 = torch.float64


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def classifier(d=3, c=4):
    return nn.Linear(d, c).double()


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(m=2),
        dict(alpha=0.1, alpha_per='example'),
        dict(alpha=(0.02, 0.2)),
        dict(loss_weight=0.3, clean_weight=1.5),
    ],
    ids=str,
)
@pytest.mark.parametrize('soft', [False, True])
def test_multimix_equals_the_reference(options, soft):
    z, fc = torch.randn(6, 3, dtype=F64, requires_grad=True), classifier()
    y = torch.rand(6, 4, dtype=F64) if soft else torch.randint(0, 4, (6,))
    loss = MultiMix(9, generator=generator(), **options)(fc(z), y)
    draw = {k: v for k, v in options.items() if k in ('m', 'alpha', 'alpha_per')}
    rows = sample_weights(9, 6, generator=generator(), dtype=F64, **draw)
    expected = options.get('loss_weight', 1) * reference.multimix(z, y, rows, fc.weight, fc.bias)
    expected = expected + options.get('clean_weight', 0) * F.cross_entropy(fc(z), y)
    assert_near(loss, expected, F64)
    leaves = [z, fc.weight, fc.bias]
    for got, want in zip(
        torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        assert_near(got, want, F64)


@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('attention_grad', [False, True])
@pytest.mark.parametrize('attention', ['gap', 'cam', 'mean', 'uniform'])
@pytest.mark.parametrize('soft', [False, True])
def test_dense_multimix_equals_the_reference(attention, attention_grad, soft, bias):
    z = torch.randn(5, 3, 2, 2, dtype=F64, requires_grad=True)
    fc = nn.Linear(3, 4, bias=bias).double()
    y = torch.rand(5, 4, dtype=F64) if soft else torch.randint(0, 4, (5,))
    module = DenseMultiMix(
        7,
        attention=attention,
        attention_grad=attention_grad,
        loss_weight=2.0,
        clean_weight=0.5,
        generator=generator(),
    )
    loss = module(z, y, fc)
    rows = sample_weights(7, 5, r=4, generator=generator(), dtype=F64)
    rows_of_y = y if soft else F.one_hot(y, 4).double()
    flat = z.flatten(2)
    u = {'gap': flat.mean(dim=2), 'mean': torch.ones(5, 3, dtype=F64)}.get(attention, rows_of_y @ fc.weight)
    if attention == 'uniform':
        a = torch.full((5, 4), 0.25, dtype=F64)
    else:
        a = torch.stack([reference.attention_map(e, d) for e, d in zip(flat, u, strict=True)])
    a = a if attention_grad else a.detach()
    expected = 2 * reference.dense_multimix(flat, y, rows, a, fc.weight, fc.bias)
    expected = expected + 0.5 * F.cross_entropy(fc(flat.mean(dim=2)), y)
    assert_near(loss, expected, F64)
    leaves = [z, *fc.parameters()]
    for got, want in zip(
        torch.autograd.grad(loss, leaves), torch.autograd.grad(expected, leaves), strict=True
    ):
        assert_near(got, want, F64)


def test_dense_at_one_position_is_multimix():
    z, fc, y = torch.randn(5, 3, 1, 1, dtype=F64), classifier(), torch.randint(0, 4, (5,))
    dense = DenseMultiMix(9, attention='uniform', generator=generator())(z, y, fc)
    assert_near(dense, MultiMix(9, generator=generator())(fc(z.flatten(1)), y), F64)


def test_memory_formats_and_flat_positions_agree():
    z, fc, y = torch.randn(5, 3, 2, 4, dtype=F64), classifier(), torch.randint(0, 4, (5,))
    losses = [
        DenseMultiMix(9, generator=generator())(x, y, fc)
        for x in (z, z.to(memory_format=torch.channels_last), z.flatten(2))
    ]
    assert_near(losses[1], losses[0], F64)
    assert_near(losses[2], losses[0], F64)


def test_logits_with_positions_and_without_attention():
    logits, y = torch.randn(3, 5, 4, dtype=F64), torch.randint(0, 4, (3, 5))
    loss = MultiMix(9, generator=generator(), clean_weight=1.0)(logits, y)
    rows = sample_weights(9, 5, r=3, generator=generator(), dtype=F64)
    clean = F.cross_entropy(logits.reshape(-1, 4), y.reshape(-1))
    assert_near(loss, mixed_cross_entropy(logits, y, rows, impl='plain') + clean, F64)


@pytest.mark.parametrize('clean_weight', [0.0, 0.5])
def test_names_of_the_losses(clean_weight):
    names = {'loss_multimix', 'loss_cls'} if clean_weight else {'loss_multimix'}
    x, y, fc = torch.randn(4, 3, 2, 2), torch.arange(4), nn.Linear(3, 4)
    for b in (4, 0):
        losses = MultiMix(5, clean_weight=clean_weight).losses(fc(x[:b].mean(dim=(2, 3))), y[:b])
        assert set(losses) == names and all(v.shape == () for v in losses.values())
        losses = DenseMultiMix(5, clean_weight=clean_weight).losses(x[:b], y[:b], fc)
        assert set(losses) == names and all(v.shape == () for v in losses.values())


@pytest.mark.parametrize('attention_grad', [False, True])
def test_empty_batch_is_a_zero_with_gradients(attention_grad):
    fc = nn.Linear(3, 4)
    x, y = torch.zeros(0, 3, 2, 2, requires_grad=True), torch.zeros(0, dtype=torch.long)
    module = DenseMultiMix(5, m=2, clean_weight=1.0, attention_grad=attention_grad)
    loss = module(x, y, fc)
    loss.backward()
    assert loss == 0 and (fc.weight.grad == 0).all() and x.grad.shape == x.shape


@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16])
def test_losses_of_an_empty_batch_are_zeros_of_their_own_dtype(dtype):
    logits = torch.zeros(0, 4, dtype=dtype, requires_grad=True)
    losses = MultiMix(5, m=2, clean_weight=1.0).losses(logits, torch.zeros(0, dtype=torch.long))
    sum(losses.values()).backward()
    assert logits.grad.shape == (0, 4)
    for loss in losses.values():
        assert loss == 0 and loss.dtype == torch.promote_types(dtype, torch.float32)


@pytest.mark.parametrize('attention_grad', [None, True])
def test_weights_are_drawn_by_the_block_unless_attention_learns(attention_grad):
    z, y, fc = torch.randn(16, 3, 2, 2, requires_grad=True), torch.randint(0, 4, (16,)), nn.Linear(3, 4)
    options = dict() if attention_grad is None else dict(attention_grad=attention_grad)
    with Largest() as seen:
        DenseMultiMix(40_000, **options)(z, y, fc).backward()
    assert (seen.numel >= 4 * 40_000 * 16) == bool(attention_grad)


def test_one_example_is_plain_cross_entropy():
    logits, y = torch.randn(1, 4, dtype=F64), torch.tensor([2])
    assert_near(MultiMix(5)(logits, y), F.cross_entropy(logits, y), F64)


def test_tuples_longer_than_the_batch_take_all_of_it():
    logits, y = torch.randn(3, 4, dtype=F64), torch.arange(3)
    long = MultiMix(9, m=8, generator=generator())(logits, y)
    assert torch.equal(long, MultiMix(9, generator=generator())(logits, y))
    whole = MultiMix(9, m=2, generator=generator())(logits, y)
    assert not torch.equal(long, whole)


def test_generator_alone_decides():
    logits, y = torch.randn(5, 4), torch.arange(5) % 4
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = MultiMix(50, generator=generator())(logits, y)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(1)
    assert torch.equal(first, MultiMix(50, generator=generator())(logits, y))
    assert not torch.equal(first, MultiMix(50)(logits, y))
    module = MultiMix(50, generator=generator())
    assert not torch.equal(module(logits, y), module(logits, y))


@pytest.mark.parametrize('gather', [False, True])
def test_the_global_seed_repeats_every_draw(gather):
    """A resumed run seeds in the middle, where a module has drawn before, or has not."""
    logits, y = torch.randn(5, 4), torch.arange(5) % 4
    drawn_before, fresh = MultiMix(50, gather=gather), MultiMix(50, gather=gather)
    drawn_before(logits, y)
    values = []
    for module in (drawn_before, fresh):
        torch.manual_seed(1)
        values.append([module(logits, y).item() for _ in range(2)])
    assert values[0] == values[1] and values[0][0] != values[0][1]


def test_a_schedule_may_set_the_weight():
    logits, y = torch.randn(5, 4, dtype=F64), torch.arange(5) % 4
    module = MultiMix(9, generator=generator())
    full = module(logits, y)
    module.loss_weight = 0.25
    module.generator = generator()
    assert_near(module(logits, y), full * 0.25, F64)
    module.loss_weight = 0.0
    assert module(logits, y) == 0


def test_state_dicts_do_not_change():
    for module in (MultiMix(), DenseMultiMix(gather=True)):
        assert not module.state_dict() and not list(module.parameters()) and not list(module.buffers())


def test_copies():
    """Hooks that average weights copy the whole model, generator and all."""
    try:
        copy.deepcopy(generator())
    except TypeError as error:  # torch 2.1: there, models with a generator of the user's own have no copies
        pytest.skip(str(error))
    logits, y = torch.randn(5, 4), torch.arange(5) % 4
    module = MultiMix(9, m=3, generator=generator())
    for clone in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert clone.m == 3 and clone.generator is not module.generator
        assert torch.equal(clone(logits, y), MultiMix(9, m=3, generator=generator())(logits, y))
    torch.save(module, io.BytesIO())


def test_settings():
    assert set(SETTINGS) == {'paper', 'short'}
    paper = MultiMix.from_setting()
    assert (paper.n, paper.alpha, paper.clean_weight) == (1000, (0.5, 2.0), 0.0)
    short = DenseMultiMix.from_setting('short', n=200, attention='cam')
    assert isinstance(short, DenseMultiMix) and (short.n, short.attention) == (200, 'cam')
    assert (short.alpha, short.ess, short.loss_weight, short.clean_weight) == (None, 3, 0.5, 0.5)
    other = MultiMix.from_setting('short', alpha=(0.02, 0.2))
    assert (other.alpha, other.ess, other.clean_weight) == ((0.02, 0.2), None, 0.5)
    other = MultiMix.from_setting('paper', ess=2)
    assert (other.alpha, other.ess, other.clean_weight) == (None, 2, 0.0)
    with pytest.raises(ValueError, match="setting must be one of 'paper', 'short'; got 'long'"):
        MultiMix.from_setting('long')


def test_autocast(autocast_dtype):
    x, y, fc = torch.randn(5, 3, 2, 2, requires_grad=True), torch.arange(5) % 4, nn.Linear(3, 4)
    exact = DenseMultiMix(20, generator=generator(), clean_weight=1.0)(x, y, fc)
    with torch.autocast('cpu', dtype=autocast_dtype):
        loss = DenseMultiMix(20, generator=generator(), clean_weight=1.0)(x, y, fc)
    assert loss.dtype == torch.float32
    assert_near(loss, exact, autocast_dtype)
    loss.backward()
    assert torch.isfinite(x.grad).all()


def test_a_training_loop_learns():
    torch.manual_seed(0)
    centres = torch.randn(3, 8) * 3
    net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    module = MultiMix.from_setting('short', n=100)
    sgd = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(60):
        y = torch.randint(0, 3, (32,))
        sgd.zero_grad()
        module(net(centres[y] + torch.randn(32, 8)), y).backward()
        sgd.step()
    y = torch.arange(3).repeat(50)
    assert (net(centres[y] + torch.randn(150, 8)).argmax(dim=1) == y).float().mean() > 0.95


def test_attention_by_softmax():
    z, fc, y = torch.randn(4, 3, 5, dtype=F64), classifier(), torch.arange(4)
    loss = DenseMultiMix(9, attention='cam', attention_norm='softmax', generator=generator())(z, y, fc)
    attention = spatial_attention(z, kind='cam', norm='softmax', weight=fc.weight, labels=y)
    rows = sample_weights(9, 4, r=5, generator=generator(), dtype=F64)
    logits = F.linear(z.permute(2, 0, 1), fc.weight, fc.bias)
    assert_near(loss, mixed_cross_entropy(logits, y, attend(rows, attention), impl='plain'), F64)


def test_attention_is_detached_by_default():
    z = torch.randn(4, 3, 5, dtype=F64, requires_grad=True)
    fc, y = classifier(), torch.arange(4)
    grads = []
    for flag in (False, True):
        loss = DenseMultiMix(9, attention_grad=flag, generator=generator())(z, y, fc)
        grads.append(torch.autograd.grad(loss, z)[0])
    rows = sample_weights(9, 4, r=5, generator=generator(), dtype=F64)
    logits = F.linear(z.permute(2, 0, 1), fc.weight, fc.bias)
    loss = mixed_cross_entropy(logits, y, attend(rows, spatial_attention(z.detach())), impl='plain')
    assert_near(grads[0], torch.autograd.grad(loss, z)[0], F64)
    assert (grads[0] - grads[1]).abs().max() > 1e-6


def test_bad_inputs_are_named():
    x, y = torch.randn(5, 3, 2, 2), torch.arange(5) % 4
    cosine = nn.Sequential(nn.Linear(3, 4), nn.Softmax(dim=1))
    for inputs, match in [
        ((x, y, cosine), 'classifier must be an nn.Linear, got Sequential'),
        ((x, y, nn.Linear(2, 4)), 'features have 3 channels, the classifier takes 2'),
        ((x[0], y, nn.Linear(3, 4)), None),
        ((x[0, 0], y, nn.Linear(3, 4)), r'features must be \(b, d, h, w\) or \(b, d, r\), got \(2, 2\)'),
        ((x, y + 4, nn.Linear(3, 4)), r'targets must lie in \[0, 3\]'),
        ((x * torch.nan, y, nn.Linear(3, 4)), 'logits contain NaN'),
    ]:
        with pytest.raises(ValueError, match=match):
            DenseMultiMix(5)(*inputs)
    with pytest.raises(ValueError, match=r'integer targets must be \(5,\)'):
        MultiMix(5)(torch.randn(5, 4), y[:4])


@pytest.mark.parametrize('soft', [False, True])
def test_a_masked_class_leaves_the_clean_loss_finite(soft):
    logits, labels = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 0, 1])
    logits[:, 4] = -torch.inf
    logits.requires_grad_()
    targets = F.one_hot(labels, 5).float() if soft else labels
    losses = MultiMix(50, ess=3, clean_weight=0.5).losses(logits, targets)
    expected = F.cross_entropy(logits[:, :4], labels)
    assert_near(losses['loss_cls'], 0.5 * expected, torch.float32)
    sum(losses.values()).backward()
    assert logits.grad.isfinite().all() and not logits.grad[:, 4].any()
