"""Both routines for matrix products, and the choice between them."""

import pytest
import torch
from tolerances import assert_near
from torch.nn import functional as F

from mmdet_multimix.ops import products

DTYPES = [torch.float32, torch.float64]


@pytest.fixture(params=['always', 'never'])
def onednn(request, monkeypatch):
    monkeypatch.setattr(products, '_LARGE', 0 if request.param == 'always' else 2**62)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('q', [1, 3])
@pytest.mark.parametrize(('k', 'b', 'c'), [(7, 5, 9), (7, 9, 5), (1, 1, 1), (64, 33, 17)])
def test_product_and_accumulate(onednn, q, k, b, c, dtype):
    weights, logits = torch.randn(q, k, b, dtype=dtype), torch.randn(q, b, c, dtype=dtype)
    rows = torch.randn(q, k, c, dtype=dtype)
    assert_near(products.product(weights, logits), weights.double() @ logits.double(), dtype)
    expected = weights.double().transpose(1, 2) @ rows.double()
    out = torch.full((q, b, c), torch.nan, dtype=dtype)
    products.accumulate(out, weights, rows, first=True)
    assert_near(out, expected, dtype)
    products.accumulate(out, weights, rows, first=False)
    assert_near(out, 2 * expected, dtype)


@pytest.mark.parametrize('dtype', DTYPES)
@pytest.mark.parametrize('bias', [True, False])
@pytest.mark.parametrize('shape', [(6, 4), (3, 5, 4)])
def test_linear(onednn, shape, bias, dtype):
    x = torch.randn(shape, dtype=dtype, requires_grad=True)
    w = torch.randn(7, 4, dtype=dtype, requires_grad=True)
    v = torch.randn(7, dtype=dtype, requires_grad=True) if bias else None
    leaves = [t for t in (x, w, v) if t is not None]
    out, expected = products.linear(x, w, v), F.linear(x, w, v)
    assert_near(out, expected, dtype)
    grads = torch.autograd.grad(out.sin().sum(), leaves)
    for got, wanted in zip(grads, torch.autograd.grad(expected.sin().sum(), leaves), strict=True):
        assert_near(got, wanted, dtype)


def test_large_products_are_as_exact_as_torchs():
    a, b = torch.randn(1, 600, 200), torch.randn(1, 200, 300)
    exact = a.double() @ b.double()
    error = (products.product(a, b) - exact).abs().max()
    assert error <= 4 * (a @ b - exact).abs().max()


def test_autocast_applies_to_the_classifier():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert products.linear(torch.randn(900, 300), torch.randn(20, 300), None).dtype == torch.bfloat16
