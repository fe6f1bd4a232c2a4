"""The trials of configs/sweeps/signal_digits.py: a weaker common part, and label smoothing beside it."""

from __future__ import annotations

import json

import pytest
import torch
from tolerances import assert_near
from torch import nn
from torch.nn import functional as F

from experiments.common_part import Trial, main, run, weaken
from experiments.label_smoothing import LabelSmoothingClsHead, LabelSmoothingLoss
from mmdet_multimix.models import DenseMultiMix, MultiMix
from mmdet_multimix.models.detection.detection_multimix import DetectionMultiMix


def term(kind: type[MultiMix], **settings) -> MultiMix:
    module = kind(n=50, ess=3, **settings)
    module.generator = torch.Generator().manual_seed(1)
    return module


def gradients(module: MultiMix, logits: torch.Tensor, labels: torch.Tensor) -> tuple:
    loss = sum(module.losses(logits, labels).values())
    return loss.detach(), torch.autograd.grad(loss, logits)[0]


@pytest.mark.parametrize('kind', [MultiMix, DetectionMultiMix])
@pytest.mark.parametrize('kept', [1, 0.5, 0])
def test_a_fraction_of_the_common_part_is_kept_and_the_rest_of_the_gradient_stays(kind, kept) -> None:
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(12, 4, generator=draw).requires_grad_()
    labels = torch.randint(0, 3, (12,), generator=draw)
    loss, whole = gradients(term(kind), logits, labels)
    found = nn.Sequential(term(kind))
    weaken(found, kept)
    other, weakened = gradients(found[0], logits, labels)
    assert other == loss
    common = whole.mean(0, keepdim=True)
    assert common.abs().max() > 1e-4
    assert_near(weakened, whole - common + kept * common, torch.float32)


def test_the_common_part_of_each_position_is_its_own() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(6, 5, 2, 2, generator=draw).requires_grad_()
    labels, classifier = torch.randint(0, 3, (6,), generator=draw), nn.Linear(5, 3)
    model = nn.Sequential(term(DenseMultiMix, attention='uniform'))
    weaken(model, 0)
    model[0].losses(features, labels, classifier)['loss_multimix'].backward()
    # The classifier is linear: with no common part, no position moves in the mean over the examples.
    assert_near(features.grad.mean(0), torch.zeros(5, 2, 2), torch.float32)


def test_label_smoothing_is_that_of_torch_over_the_rois_that_count() -> None:
    draw = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(9, 4, generator=draw), torch.randint(0, 4, (9,), generator=draw)
    weight = torch.tensor([1.0, 0, 1, 1, 1, 0, 1, 1, 1])
    found = LabelSmoothingLoss(0.2, loss_weight=2.0)(logits, labels, weight, avg_factor=7)
    kept = weight > 0
    expected = 2 * F.cross_entropy(logits[kept], labels[kept], label_smoothing=0.2)
    assert_near(found, expected, torch.float32)


def test_label_smoothing_of_a_classifier_is_a_mixture_with_the_uniform_target() -> None:
    draw = torch.Generator().manual_seed(0)
    head = LabelSmoothingClsHead(0.2, num_classes=4, in_channels=3)
    features, labels = torch.randn(9, 3, 2, 2, generator=draw), torch.randint(0, 4, (9,), generator=draw)
    log_p = head(features).double().log_softmax(1)
    expected = -sum(0.8 * row[label] + 0.2 * row.mean() for row, label in zip(log_p, labels, strict=True)) / 9
    assert_near(head.loss(features, labels)['loss_cls'].double(), expected, torch.float32)


def test_a_trial_of_a_classifier_learns(monkeypatch) -> None:
    monkeypatch.setattr('experiments.common_part.EPOCHS', 3)
    assert run(Trial(0.5, 3, 0.5), seed=0)['error %'] < 20


def test_the_table_and_the_values_of_all_seeds_agree(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr('experiments.common_part.EPOCHS', 1)
    monkeypatch.setattr('experiments.common_part.SEEDS', range(2))
    monkeypatch.setattr('experiments.common_part.TRIALS', (Trial(), Trial(0.5, 3, 0.5)))
    monkeypatch.setattr('sys.argv', ['common_part', '--out', str(tmp_path / 'values.json')])
    main()
    runs = json.loads((tmp_path / 'values.json').read_text())['runs']
    assert [(each['trial'], each['seed']) for each in runs] == [
        (trial, seed)
        for trial in ('cross-entropy', 'weight 0.5, ess 3, common part x 0.5')
        for seed in (0, 1)
    ]
    plain, mixed = torch.tensor([each['NLL'] for each in runs], dtype=torch.float64).view(2, 2)
    change = mixed - plain
    shown = f'{change.mean():+.3f} ± {change.std() / 2**0.5:.3f}'
    assert shown in capsys.readouterr().out
