"""Which examples are mixed, and which may meet in a tuple: against plain loops in float64."""

from functools import partial

import pytest
import torch
from mmdet.registry import MODELS
from tolerances import assert_near
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmdet_multimix.models.detection import DenseRoIMultiMix, DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.example_choice import share_out
from mmdet_multimix.ops import reference, sample_weights, spatial_attention

F64 = torch.float64
C = 4  # classes of objects
COUNTS = {0: 9, 1: 2, 3: 4, C: 30}  # class 2 does not occur


def labels_of(counts):
    labels = torch.tensor([label for label, count in counts.items() for _ in range(count)])
    return labels[torch.randperm(len(labels))]


def chosen_counts(labels, chosen):
    assert len(set(chosen.tolist())) == len(chosen)
    return {label: int((labels[chosen] == label).sum()) for label in labels[chosen].unique().tolist()}


@pytest.mark.parametrize(
    ('counts', 'max_examples', 'expected'),
    [
        (COUNTS, None, {0: 4, 1: 2, 3: 4, C: 4}),
        ({0: 9, 1: 1, C: 30}, None, {0: 2, 1: 1, C: 2}),
        ({1: 5, C: 30}, None, {1: 5, C: 5}),  # a single class is in balance
        ({1: 5, C: 3}, None, {1: 5, C: 3}),
        ({1: 5, 2: 6}, None, {1: 5, 2: 6}),
        ({C: 30}, None, {}),
        (COUNTS, 12, {0: 3, 1: 2, 3: 3, C: 3}),
        (COUNTS, 4, {0: 1, 1: 1, 3: 1, C: 1}),
    ],
)
@pytest.mark.parametrize('soft', [False, True])
def test_class_balanced(counts, max_examples, expected, soft):
    labels = labels_of(counts)
    given = torch.eye(C + 1)[labels][:, :C] * 0.7 if soft else labels
    module = DetectionMultiMix(among='class_balanced', max_examples=max_examples, form=MixedForm('sigmoid'))
    seen = set()
    for seed in range(4):
        torch.manual_seed(seed)
        chosen = module.choose(given, None, C)
        assert chosen_counts(labels, chosen) == expected
        seen.add(tuple(sorted(chosen.tolist())))
    assert len(seen) > 1 or sum(expected.values()) == len(labels) or not expected


def test_class_balanced_never_mixes_more_than_it_may():
    module = DetectionMultiMix(among='class_balanced', max_examples=2)
    assert len(module.choose(labels_of(COUNTS), None, C)) == 2


def test_class_balanced_draws_each_example_equally_often():
    labels = labels_of({0: 6, 1: 2, C: 9})
    module = DetectionMultiMix(among='class_balanced')
    drawn = torch.zeros(len(labels))
    for _ in range(600):
        drawn[module.choose(labels, None, C)] += 1
    for label, share in ((0, 4 / 6), (1, 1.0), (C, 4 / 9)):
        assert (drawn[labels == label] / 600 - share).abs().max() < 0.1  # five standard deviations


@pytest.mark.parametrize('among', ['all', 'foreground', 'balanced', 'class_balanced'])
def test_examples_without_weight_are_never_chosen(among):
    labels, weights = labels_of(COUNTS), torch.ones(45)
    weights[::2] = 0
    labels[1] = -1
    chosen = DetectionMultiMix(among=among).choose(labels, weights, C)
    assert len(chosen) and (weights[chosen] > 0).all() and 1 not in chosen


class Waits(TorchDispatchMode):
    """Counts what an accelerator would have to be waited for: sizes that values decide."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.name() in ('aten::nonzero', 'aten::_local_scalar_dense')
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ('among', 'max_examples', 'count'),
    [('foreground', None, 1), ('foreground', 4, 1), ('all', None, 1), ('all', 20, 2), ('balanced', 20, 2)],
)
def test_choosing_waits_once_or_twice(among, max_examples, count):
    module, labels = DetectionMultiMix(among=among, max_examples=max_examples), labels_of(COUNTS)
    with Waits() as waits:
        assert len(module.choose(labels, torch.ones(len(labels)), C))
    assert waits.count == count


@pytest.mark.parametrize('among', ['all', 'foreground', 'balanced', 'class_balanced'])
@pytest.mark.parametrize('max_examples', [None, 20])
def test_within_an_image_each_is_chosen_from_as_if_alone(among, max_examples):
    images = torch.tensor([2] * 20 + [0] * 25 + [7] * 5)
    images = images[torch.randperm(50)]
    labels = torch.cat([labels_of(COUNTS), torch.full((5,), C)])
    labels[images == 7] = C  # an image without objects
    kwargs = dict(among=among, form=MixedForm('sigmoid'))
    module = DetectionMultiMix(within_image=True, max_examples=max_examples, **kwargs)
    chosen = module.choose(labels, None, C, images.float().unsqueeze(1))
    found = images[chosen]
    assert found.tolist() == sorted(found.tolist())
    alone = DetectionMultiMix(max_examples=max_examples and max_examples // 3, **kwargs)
    # Which classes a subset of the foreground has is left to chance.
    kinds = labels if among == 'class_balanced' else (labels == C).long()
    sizes = []
    for image in (0, 2, 7):
        here = (images == image).nonzero().flatten()
        expected = chosen_counts(kinds[here], alone.choose(labels[here], None, C))
        assert chosen_counts(kinds, chosen[found == image]) == expected
        sizes.append(sum(expected.values()))
    assert module.group_sizes == [size for size in sizes if size]
    assert torch.equal(module.mixed_labels, labels[chosen])


def by_loop(logits, labels, images, n, draw, criterion):
    """Each image's share of the tuples, one at a time, in float64."""
    order, total = sorted(set(images.tolist())), torch.zeros((), dtype=F64)
    counts = share_out(n, [int((images == image).sum()) for image in order])
    for image, count in zip(order, counts, strict=True):
        here = (images == image).nonzero().flatten()
        classifier = torch.eye(logits.shape[1], dtype=F64)
        weights = draw(count, len(here))
        mean = reference.multimix(logits[here], labels[here], weights, classifier, criterion=criterion)
        total = total + mean * count
    return total / n


CRITERIA = {
    'softmax': reference.cross_entropy,
    'sigmoid': reference.binary_cross_entropy,
    'focal': reference.focal('focal', 2.0, 0.25),
    'quality': reference.focal('quality', 2.0, 0.25),
}


@pytest.mark.parametrize('kind', CRITERIA)
def test_within_an_image_against_the_loop(kind):
    form = MixedForm(kind)
    logits = torch.randn(14, C + (kind == 'softmax'), dtype=F64, requires_grad=True)
    labels, images = torch.randint(0, C + 1, (14,)), torch.tensor([3, 0, 0, 3, 3, 9, 3, 3, 0, 3, 0, 3, 3, 3])
    module = DetectionMultiMix(n=11, among='all', loss_weight=0.5, within_image=True, form=form)
    module.generator = torch.Generator().manual_seed(5)
    levels = (logits[:6], logits[6:])
    loss = module.losses(levels, labels.split([6, 8]), origins=images.unsqueeze(1).split([6, 8]))[
        'loss_multimix'
    ]
    # The focal losses draw in float32, whatever the logits.
    dtype = torch.float32 if kind in ('focal', 'quality') else F64
    generator = torch.Generator().manual_seed(5)
    draw = partial(sample_weights, ess=3, generator=generator, dtype=dtype)
    expected = 0.5 * by_loop(logits, labels, images, 11, draw, CRITERIA[kind])
    assert_near(loss, expected, dtype)
    grads = [torch.autograd.grad(value, logits)[0] for value in (loss, expected)]
    assert_near(*grads, dtype)


def test_dense_within_an_image_against_the_loop():
    b, d, r = 9, 5, 4
    features = torch.randn(b, d, 2, 2, dtype=F64, requires_grad=True)
    labels, images = torch.randint(0, C, (b,)), torch.tensor([1, 0, 1, 1, 0, 1, 1, 0, 1])
    fc = nn.Linear(d, C + 1).double()
    module = DenseRoIMultiMix(n=6, among='all', loss_weight=1.0, within_image=True)
    module.generator = torch.Generator().manual_seed(5)
    loss = module.losses(features, labels, fc, origins=images.unsqueeze(1))['loss_multimix']

    z, total = features.flatten(2), torch.zeros((), dtype=F64)
    attention = spatial_attention(z.detach())
    generator = torch.Generator().manual_seed(5)
    for image, n in ((0, 2), (1, 4)):
        here = (images == image).nonzero().flatten()
        weights = sample_weights(n, len(here), r=r, ess=3, generator=generator, dtype=F64)
        args = (z[here], labels[here], weights, attention[here], fc.weight, fc.bias)
        total = total + reference.dense_multimix(*args) * n
    assert_near(loss, total / 6, F64)
    grads = [torch.autograd.grad(value, features)[0] for value in (loss, total / 6)]
    assert_near(*grads, F64)


def test_within_one_image_all_is_as_ever():
    logits, labels = torch.randn(12, C + 1), torch.randint(0, C, (12,))
    losses = []
    for within in (False, True):
        module = DetectionMultiMix(n=30, within_image=within)
        module.generator = torch.Generator().manual_seed(0)
        losses.append(module.losses(logits, labels, origins=torch.zeros(12, 1))['loss_multimix'])
    assert torch.equal(*losses)


def test_an_image_of_one_roi_gives_its_cross_entropy_and_others_nothing():
    logits, labels = torch.randn(3, C + 1, requires_grad=True), torch.tensor([1, C, C])
    module = DetectionMultiMix(among='foreground', loss_weight=1.0, within_image=True)
    loss = module.losses(logits, labels, origins=torch.tensor([[0.0], [0.0], [1.0]]))['loss_multimix']
    assert_near(loss, nn.functional.cross_entropy(logits[:1], labels[:1]), torch.float32)
    loss.backward()
    assert not logits.grad[1:].any()


@pytest.mark.parametrize(
    ('n', 'sizes', 'expected'),
    [
        (10, [1, 1], [5, 5]),
        (10, [3, 1], [8, 2]),
        (1, [2, 5, 3], [0, 1, 0]),
        (1000, [7], [1000]),
        (2, [1, 1, 1], [1, 1, 0]),
    ],
)
def test_tuples_are_shared_out(n, sizes, expected):
    assert share_out(n, sizes) == expected


def test_shares_sum_to_n_and_miss_proportion_by_less_than_one():
    for n in (1, 7, 1000):
        sizes = torch.randint(1, 300, (9,)).tolist()
        counts = share_out(n, sizes)
        assert sum(counts) == n
        assert all(abs(c - n * s / sum(sizes)) < 1 for c, s in zip(counts, sizes, strict=True))


def test_images_must_be_known():
    module = DetectionMultiMix(within_image=True)
    with pytest.raises(ValueError, match='within_image=True needs the image of each example'):
        module.losses(torch.randn(3, C + 1), torch.zeros(3).long())
    with pytest.raises(ValueError, match=r'MultiMixLoss cannot mix within_image.*Use MultiMixHook'):
        MODELS.build(dict(type='MultiMixLoss', within_image=True))


HEADS = {
    'MultiMixShared2FCBBoxHead': dict(fc_out_channels=8, roi_feat_size=2),
    'DenseMultiMixBBoxHead': dict(with_avg_pool=True, roi_feat_size=2),
}


@pytest.mark.parametrize('kind', HEADS)
def test_heads_know_the_images_of_their_rois(kind):
    options = dict(n=12, among='all', loss_weight=1.0, within_image=True)
    head = MODELS.build(dict(type=kind, in_channels=4, num_classes=C, multimix=options, **HEADS[kind]))
    b, labels = 10, torch.tensor([0, 1, 2, C, 0, 1, 3, C, C, 1])
    features, boxes = torch.randn(b, 4, 2, 2), torch.rand(b, 4)
    rois = torch.cat([torch.tensor([0.0] * 4 + [1.0] * 6).unsqueeze(1), boxes], dim=1)
    scores, deltas = head(features)
    head.multimix.generator = torch.Generator().manual_seed(3)
    losses = head.loss(scores, deltas, rois, labels, torch.ones(b), boxes, torch.ones(b, 4))
    assert head.multimix.group_sizes == [4, 6]
    head.multimix.generator.manual_seed(3)
    args = (scores, labels) if kind.startswith('MultiMix') else (features, labels, head.fc_cls)
    expected = head.multimix.losses(*args, origins=rois)
    assert torch.equal(losses['loss_multimix'], expected['loss_multimix'])
