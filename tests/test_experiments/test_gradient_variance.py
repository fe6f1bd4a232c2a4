import json

import pytest
import torch
from cli import ROOT, call

from experiments import gradient_variance


def test_measures_and_draws(tmp_path, monkeypatch, capsys):
    base = ROOT / 'configs' / 'pretrain' / 'resnet_tiny_digits_mixup_k5.py'
    few = f"_base_ = '{base}'\ntrain_dataloader = dict(dataset=dict(per_class=(0, 5)))\n"
    (tmp_path / 'few.py').write_text(few)
    options = ['--epochs', '1', '--factors', '3', '--repeats', '4', '--batch-size', '4']
    paths = ['--config', str(tmp_path / 'few.py'), '--out', str(tmp_path)]
    call(monkeypatch, 'gradient_variance.py', *options, *paths)
    assert 'epoch 1, K = 3: variance' in capsys.readouterr().out
    (result,) = json.loads((tmp_path / 'gradient_variance.json').read_text())['results']
    for K, measured in result['by_factors'].items():
        assert measured['variance'] > 0
        between, within = result['between_pairs'], result['within_pairs']
        assert measured['theory'] == pytest.approx((between + within / int(K)) / (between + within))
        assert measured['ratio'] == pytest.approx(
            measured['variance'] / result['by_factors']['1']['variance']
        )
    assert result['by_factors']['1']['standard_error'] == pytest.approx(0)
    assert (tmp_path / 'gradient_variance.png').stat().st_size > 5000


def test_variances_of_a_gradient_that_is_known(monkeypatch):
    """Pairs and factors add normal numbers of known variance, in 50 parameters, so both parts are known."""
    between, within, width = 0.5, 2.0, 50
    g = torch.Generator().manual_seed(0)

    def gradient(model, K, pair, labels):
        return pair + (within**0.5) * torch.randn(K, width, generator=g).mean(0)

    batches = [((between**0.5) * torch.randn(width, generator=g), None) for _ in range(400)]
    monkeypatch.setattr(gradient_variance, 'gradient', gradient)
    parts = gradient_variance.two_parts(None, batches)
    assert parts == pytest.approx((between * width, within * width), rel=0.06)
    squares = {}
    for K in (1, 4):
        samples = torch.stack([gradient(None, K, *batch) for batch in batches])
        squares[K] = gradient_variance.deviations(samples)
        assert squares[K].mean().item() == pytest.approx(samples.double().var(0).sum().item(), rel=1e-5)
        assert squares[K].mean().item() == pytest.approx((between + within / K) * width, rel=0.06)
    share, error = gradient_variance.ratio(squares[4], squares[1])
    assert share == pytest.approx(1 / 2.5, abs=4 * error)
    assert 0 < error < 0.02
