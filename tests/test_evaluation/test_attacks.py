import pytest
import torch
from tolerances import TOLERANCE, assert_near
from torch import nn
from torch.nn import functional as F

from mmdet_multimix.evaluation import fgsm, pgd

EPS, STEP = 8 / 255, 2 / 255


def linear(dtype=torch.float64):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 4 * 4, 3, dtype=dtype)).requires_grad_(False)


def convolutional():
    layers = (nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    return nn.Sequential(*layers).eval().requires_grad_(False)


def batch(b=16, dtype=torch.float64):
    images = torch.rand(b, 3, 4, 4, dtype=dtype)
    images[0], images[1] = 0, 1  # on the border of the pixel range
    return images, torch.arange(b) % 3


def test_fgsm_of_a_linear_model_is_the_closed_form():
    model, (images, labels) = linear(), batch()
    weight = model[1].weight
    probabilities = model(images).softmax(1)
    for x, p, y, perturbed in zip(
        images, probabilities, labels, fgsm(model, images, labels, EPS), strict=True
    ):
        gradient = sum(p[k] * weight[k] for k in range(3)) - weight[y]
        expected = (x.flatten() + EPS * gradient.sign()).clamp(0, 1).view_as(x)
        assert_near(perturbed, expected, torch.float64)


def test_pgd_of_a_linear_model_ends_at_the_corner_of_the_ball():
    """With two classes the gradient has one sign everywhere, so all steps go to the same corner."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(48, 2, dtype=torch.float64)).requires_grad_(False)
    images, _ = batch()
    labels = torch.zeros(16, dtype=torch.int64)
    ends = pgd(model, images, labels, EPS, STEP, steps=10)
    assert_near(ends, fgsm(model, images, labels, EPS), torch.float64)


@pytest.mark.parametrize('steps', [1, 10])
def test_pgd_stays_in_the_ball_and_in_the_pixel_range(steps):
    model, (images, labels) = convolutional(), batch(dtype=torch.float32)
    for step in (STEP, 1.0):
        perturbed = pgd(model, images, labels, EPS, step, steps)
        assert perturbed.min() >= 0 and perturbed.max() <= 1
        assert (perturbed - images).abs().max() <= EPS * (1 + TOLERANCE[torch.float32])
        assert not perturbed.requires_grad


def test_attacks_raise_the_loss_and_more_steps_raise_it_more():
    model, (images, labels) = convolutional(), batch(64, torch.float32)

    def loss(x):
        return F.cross_entropy(model(x), labels).item()

    generator = torch.Generator().manual_seed(1)
    one = loss(pgd(model, images, labels, EPS, STEP, 1, generator))
    many = loss(pgd(model, images, labels, EPS, STEP, 20, generator))
    assert loss(images) < one < many
    assert loss(images) < loss(fgsm(model, images, labels, EPS)) <= many * 1.01


def test_pgd_starts_at_random_everywhere_in_the_ball():
    """A step of nearly nothing leaves the start."""
    images = torch.full((100, 3, 4, 4), 0.5)
    starts = [
        pgd(
            linear(torch.float32),
            images,
            torch.zeros(100).long(),
            EPS,
            1e-9,
            1,
            torch.Generator().manual_seed(seed),
        )
        for seed in (3, 3, 4)
    ]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])
    offset = (starts[0] - images) / EPS
    assert offset.min() < -0.99 and offset.max() > 0.99
    assert abs(offset.mean()) < 0.05 and offset.std().item() == pytest.approx(3**-0.5, abs=0.02)


def test_under_no_grad_and_with_a_trainable_model_no_gradient_is_left():
    model, (images, labels) = linear().requires_grad_(True), batch()
    with torch.no_grad():
        expected = fgsm(model, images, labels, EPS)
    assert torch.equal(fgsm(model, images, labels, EPS), expected)
    assert not torch.equal(expected, images)
    assert model[1].weight.grad is None and not images.requires_grad


def test_batches_do_not_matter():
    model, (images, labels) = convolutional(), batch(dtype=torch.float32)
    alone = [fgsm(model, x[None], y[None], EPS) for x, y in zip(images, labels, strict=True)]
    assert_near(fgsm(model, images, labels, EPS), torch.cat(alone), torch.float32)
