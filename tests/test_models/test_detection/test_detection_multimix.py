import pytest
import torch
from mmdet.registry import MODELS
from tolerances import assert_near
from torch.nn import functional as F

from mmdet_multimix.models import MultiMix
from mmdet_multimix.models.detection import DenseRoIMultiMix, DetectionMultiMix, MixedForm, mixed_form
from mmdet_multimix.models.detection.mixed_form import KINDS, UnmixableError, form_of
from mmdet_multimix.ops import mixed_focal_loss, multimix_binary_cross_entropy, sample_weights

F32 = torch.float32
C = 3  # classes of objects
OPTIONS = dict(n=40, m=None, ess=3, alpha_per='tuple')


def levels(form, sizes=(5, 0, 7, 4)):
    """Logits, labels and label weights of levels of which one is empty."""
    torch.manual_seed(0)
    num_logits = C + 1 if form.kind == 'softmax' else C
    logits = [torch.randn(size, num_logits, requires_grad=True) for size in sizes]
    labels = [torch.randint(0, C + 1, (size,)) for size in sizes]
    weights = [(torch.rand(size) > 0.25).float() for size in sizes]
    labels[0][0] = -1
    return logits, labels, weights


@pytest.mark.parametrize('kind', ['softmax', 'sigmoid', 'focal', 'quality'])
@pytest.mark.parametrize('among', ['all', 'foreground'])
def test_levels_are_mixed_as_one_list_of_examples(kind, among):
    form = MixedForm(kind, gamma=1.5, alpha=0.3)
    logits, labels, weights = levels(form)
    module = DetectionMultiMix(n=40, among=among, loss_weight=0.5, form=form)
    module.generator = torch.Generator().manual_seed(1)
    loss = module.losses(logits, labels, weights)['loss_multimix']
    grads = torch.cat(torch.autograd.grad(loss, logits, materialize_grads=True))

    flat, flat_labels = torch.cat(logits).detach().requires_grad_(), torch.cat(labels)
    keep = (torch.cat(weights) > 0) & (flat_labels >= 0)
    if among == 'foreground':
        keep &= flat_labels < C
    options = dict(OPTIONS, generator=torch.Generator().manual_seed(1))
    if kind == 'softmax':
        expected = MultiMix(**options)(flat[keep], flat_labels[keep])
    elif kind == 'sigmoid':
        expected = multimix_binary_cross_entropy(flat[keep], flat_labels[keep], **options)
    else:
        drawn = sample_weights(b=int(keep.sum()), **options)
        expected = mixed_focal_loss(flat[keep], flat_labels[keep], drawn, kind=kind, gamma=1.5, alpha=0.3)
    assert_near(loss, expected * 0.5, F32)
    assert_near(grads, torch.autograd.grad(expected * 0.5, flat)[0], F32)
    assert torch.equal(module.mixed_labels, flat_labels[keep])


def test_alpha_takes_the_place_of_the_default_ess():
    by_default, papers = DetectionMultiMix(), DetectionMultiMix(alpha=(0.5, 2.0))
    assert (by_default.among, by_default.ess, by_default.alpha) == ('all', 3, None)
    assert by_default.loss_weight == 0.5
    assert (papers.ess, papers.alpha) == (None, (0.5, 2.0))
    assert (DenseRoIMultiMix().among, DenseRoIMultiMix().loss_weight) == ('foreground', 0.1)
    assert DenseRoIMultiMix().ess == 3 and DenseRoIMultiMix(alpha=1.0).ess is None
    with pytest.raises(ValueError, match='alpha and ess both say'):
        DetectionMultiMix(alpha=1.0, ess=2)


def touched(logits):
    return (torch.cat([level.grad for level in logits]).abs().sum(1) > 0).nonzero().flatten()


@pytest.mark.parametrize(
    ('among', 'objects', 'background'), [('foreground', 6, 0), ('balanced', 6, 6), ('all', 5, 15)]
)
def test_objects_stay_and_background_is_drawn(among, objects, background):
    labels = torch.full((200,), C)
    labels[torch.tensor([3, 50, 51, 120, 150, 199])] = torch.tensor([0, 1, 2, 0, 1, 2])
    seen = set()
    for seed in range(3):
        logits = [torch.randn(120, C, requires_grad=True), torch.randn(80, C, requires_grad=True)]
        module = DetectionMultiMix(n=20, among=among, form=MixedForm('sigmoid'), max_examples=20)
        module.generator = torch.Generator().manual_seed(seed)
        module.losses(logits, labels)['loss_multimix'].backward()
        chosen = touched(logits)
        assert (labels[chosen] < C).sum() == objects and (labels[chosen] == C).sum() == background
        seen.add(tuple(chosen.tolist()))
    assert len(seen) == (1 if among == 'foreground' else 3)  # other background each time


@pytest.mark.parametrize('among', ['foreground', 'balanced', 'all'])
def test_more_objects_than_may_be_mixed(among):
    labels = torch.arange(300) % C
    labels[200:] = C
    logits = [torch.randn(300, C, requires_grad=True)]
    module = DetectionMultiMix(n=20, among=among, form=MixedForm('sigmoid'), max_examples=50)
    module.losses(logits, labels)['loss_multimix'].backward()
    chosen = touched(logits)
    assert len(chosen) == 50
    # Of 300 examples 200 are objects.
    assert (labels[chosen] < C).sum() == {'foreground': 50, 'balanced': 25, 'all': 33}[among]


@pytest.mark.parametrize(
    ('objects', 'background', 'expected'),
    [
        (512, 1536, 256),  # the RoIs of four images, of eight, and of four with few objects
        (1024, 3072, 256),
        (100, 1948, 100),
        (1200, 1200, 512),
        (400, 100_000, 256),  # anchors of a one-stage detector
        (20, 100_000, 20),
        (1500, 0, 1024),
        (300, 724, 300),  # no more than may be mixed
    ],
)
def test_all_keeps_the_share_of_objects(objects, background, expected):
    labels = torch.tensor([0] * objects + [C] * background)
    module = DetectionMultiMix(among='all')
    chosen = module.choose(labels, None, C)
    assert len(chosen) == len(chosen.unique()) == 1024 and (labels[chosen] < C).sum() == expected


def test_with_less_background_than_objects_all_of_it_is_mixed():
    labels = torch.tensor([0, 1, 2, C, 0])
    logits = [torch.randn(5, C, requires_grad=True)]
    DetectionMultiMix(n=9, among='balanced', form=MixedForm('sigmoid')).losses(logits, labels)[
        'loss_multimix'
    ].backward()
    assert touched(logits).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize('kind', ['softmax', 'sigmoid', 'focal', 'quality'])
@pytest.mark.parametrize('among', ['all', 'foreground', 'balanced'])
@pytest.mark.parametrize('loss_weight', [0.1, 0.0])
def test_without_examples_the_loss_is_zero_and_differentiable(kind, among, loss_weight):
    form = MixedForm(kind)
    logits, labels, weights = levels(form)
    module = DetectionMultiMix(among=among, form=form, loss_weight=loss_weight)
    loss = module.losses(logits, labels, [weight * 0 for weight in weights])['loss_multimix']
    loss.backward()
    assert loss == 0 and loss.dtype == F32
    assert all((level.grad == 0).all() for level in logits if len(level))


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('dtype', [torch.float64, torch.float32, torch.float16])
def test_empty_levels_stay_attached(kind, dtype):
    logits = [torch.randn(0, C + 1, dtype=dtype, requires_grad=True) for _ in range(2)]
    module = DetectionMultiMix(form=MixedForm(kind))
    loss = module.losses(logits, [torch.zeros(0).long()] * 2)['loss_multimix']
    loss.backward()
    assert loss == 0 and logits[0].grad is not None and loss.dtype == torch.promote_types(dtype, F32)


def test_a_weight_of_zero_computes_nothing():
    logits, labels, weights = levels(MixedForm())
    state = torch.get_rng_state()
    loss = DetectionMultiMix(among='all', loss_weight=0).losses(logits, labels, weights)['loss_multimix']
    assert loss == 0 and loss.requires_grad and torch.equal(state, torch.get_rng_state())


# None of the values is a default, of mmdet or of ours.
THEIRS = {
    'softmax': dict(type='CrossEntropyLoss', class_weight=[1.0, 2.0, 0.5, 0.1]),
    'sigmoid': dict(type='CrossEntropyLoss', use_sigmoid=True),
    'focal': dict(type='FocalLoss', gamma=1.5, alpha=0.4),
    'quality': dict(type='QualityFocalLoss', beta=1.3),
}


@pytest.mark.parametrize('block', [5, 1024])
@pytest.mark.parametrize('kind', KINDS)
def test_unmixed_examples_have_the_loss_that_mmdet_gives(kind, block, monkeypatch):
    """All of them at once by `unmixed`, and each by itself as a mini-batch of one."""
    monkeypatch.setattr(mixed_form, '_BLOCK', block)
    theirs = MODELS.build(THEIRS[kind])
    form = form_of(theirs)
    assert form.kind == kind
    logits, labels = torch.randn(23, C + (kind == 'softmax')), torch.arange(23) % (C + 1)
    scores = torch.rand(23) * (labels < C) if kind == 'quality' else None
    module = DetectionMultiMix(among='all', loss_weight=1.0, form=form)

    def expected(rows):
        target = labels[rows]
        if kind == 'quality':
            target = (target, scores[rows])
        elif kind == 'sigmoid':
            target = F.one_hot(target, C + 1)[:, :C]
        return theirs(logits[rows], target, avg_factor=len(logits[rows]))

    targets = form.targets(labels, scores, logits.shape[1])
    assert_near(form.unmixed(logits, targets), expected(slice(None)), F32)
    for i in range(C + 1):
        row = slice(i, i + 1)
        ours = module.losses(logits[row], labels[row], scores=None if scores is None else scores[row])
        assert_near(ours['loss_multimix'], expected(row), F32)


def test_soft_labels():
    soft = torch.tensor([[0.0, 0.7, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    logits = torch.randn(3, C, requires_grad=True)
    DetectionMultiMix(among='foreground', form=MixedForm('sigmoid')).losses(logits, soft)[
        'loss_multimix'
    ].backward()
    assert touched([logits]).tolist() == [0, 2]


def test_half_precision_is_mixed_in_float32():
    form = MixedForm('focal')
    logits, labels, weights = levels(form)
    with torch.autocast('cpu', torch.bfloat16):
        half = [level.detach().bfloat16().requires_grad_() for level in logits]
        loss = DetectionMultiMix(form=form).losses(half, labels, weights)['loss_multimix']
    assert loss.dtype == F32
    loss.backward()
    assert half[0].grad.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ('loss', 'message'),
    [
        (dict(type='VarifocalLoss'), 'exactly zero'),
        (dict(type='QualityFocalLoss', activated=True), 'probabilities'),
        (dict(type='GHMC'), 'GHMC'),
        (dict(type='SeesawLoss', num_classes=3), 'SeesawLoss'),
        (dict(type='CrossEntropyLoss', use_mask=True), 'use_mask'),
        (dict(type='CrossEntropyLoss', use_sigmoid=True, class_weight=[1.0, 2.0, 3.0]), 'class_weight'),
        (dict(type='CrossEntropyLoss', class_weight=2.0), 'not a list'),
    ],
    ids=lambda value: value['type'] if isinstance(value, dict) else '',
)
def test_losses_without_a_counterpart_are_refused_with_the_reason(loss, message):
    with pytest.raises(UnmixableError, match=message):
        form_of(MODELS.build(loss))


def test_class_weights_are_those_of_a_softmax():
    with pytest.raises(ValueError, match='class_weight belongs to softmax'):
        MixedForm('focal', class_weight=(1.0,))
