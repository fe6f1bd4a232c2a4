"""Dense MultiMix on the feature maps of one-stage heads: MultiMixHook with attention by score."""

import pytest
import torch
from test_families import _quiet, train  # noqa: F401
from tolerances import assert_near

from mmdet_multimix.models.detection import DetectionMultiMix, MixedForm
from mmdet_multimix.models.detection.mixed_form import KINDS
from mmdet_multimix.ops import reference, sample_weights, score_attention

B, C = 12, 3


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('soft', [False, True])
def test_the_loss_is_the_papers_at_one_position_by_loops(kind, soft):
    form = MixedForm(kind)
    logits = torch.randn(B, C, dtype=torch.float64, requires_grad=True)
    labels = torch.arange(B) % (form.background(C) + 1)
    targets = torch.rand(B, C, dtype=torch.float64) if soft else labels
    attention = form.attention(logits, targets)
    torch.manual_seed(1)
    loss = form.loss(logits, targets, dict(n=15, alpha=(0.5, 2.0)), attention)
    (gradient,) = torch.autograd.grad(loss, logits)
    torch.manual_seed(1)
    dtype = torch.float64 if kind in ('softmax', 'sigmoid') else torch.float32
    weights = sample_weights(15, B, alpha=(0.5, 2.0), dtype=dtype)
    criterion = {
        'softmax': reference.cross_entropy,
        'sigmoid': reference.binary_cross_entropy,
        'focal': reference.focal('focal', 2.0, 0.25),
        'quality': reference.focal('quality', 2.0, 0.25),
    }[kind]
    free = logits.detach().requires_grad_()
    expected = reference.dense_multimix(
        free.unsqueeze(2),
        targets,
        weights.unsqueeze(0),
        attention.unsqueeze(1),
        torch.eye(C, dtype=torch.float64),
        criterion=criterion,
    )
    (wanted,) = torch.autograd.grad(expected, free)  # attention is a constant in it
    assert_near(loss, expected, torch.float32)
    assert_near(gradient, wanted, torch.float32)


@pytest.mark.parametrize('kind', KINDS)
def test_without_examples(kind):
    module = DetectionMultiMix(n=10, among='balanced', form=MixedForm(kind), attention='score')
    logits = torch.randn(4, C, requires_grad=True)
    loss = module.losses(logits, torch.full((4,), module.form.background(C)))['loss_multimix']
    loss.backward()
    assert loss == 0 and not logits.grad.any()


def test_within_images_it_is_normalised_in_each():
    logits, labels = torch.randn(6, C), torch.tensor([0, 0, 1, 0, 0, 1])
    images = torch.tensor([0.0, 0, 0, 1, 1, 1]).unsqueeze(1)
    module = DetectionMultiMix(n=40, attention='score', within_image=True)
    module.generator = torch.Generator().manual_seed(1)
    loss = module.losses(logits, labels, origins=images)['loss_multimix']
    generator, expected = torch.Generator().manual_seed(1), 0
    for rows in (slice(0, 3), slice(3, 6)):
        attention = score_attention(logits[rows], labels[rows])
        options = dict(n=20, ess=3, generator=generator)
        expected = expected + module.form.loss(logits[rows], labels[rows], options, attention) / 2
    assert_near(loss, 0.5 * expected, torch.float32)


@pytest.mark.parametrize('name', ['retinanet', 'fcos', 'ssd300'])
def test_one_stage_detectors_train_with_it(name, tmp_path, monkeypatch):
    seen = []
    attention = MixedForm.attention

    def watched(form, logits, targets):
        seen.append((attention(form, logits, targets), targets))
        return seen[-1][0]

    monkeypatch.setattr(MixedForm, 'attention', watched)
    probe = train(name, tmp_path, n=200, among='balanced', attention='score')
    with_objects, without = probe.losses
    assert set(with_objects) == set(without)
    assert with_objects['loss_multimix'] > 0 == without['loss_multimix']
    assert all(torch.isfinite(torch.tensor(value)) for value in with_objects.values())
    assert any('bbox_head' in name and 'cls' in name for name in probe.learns)
    a, labels = seen[0]
    assert len(a) >= 6 and len(labels.unique()) > 1 and (a != 1).any()
    for label in labels.unique():
        assert_near(a[labels == label].mean(), torch.ones(()), torch.float32)
