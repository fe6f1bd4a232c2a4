"""Mixed images: input mixup and CutMix by torchvision, once or several times for each pair."""

from __future__ import annotations

import torch
from mmdet.registry import MODELS
from torch import Tensor
from torchvision.transforms import v2

from ....ops.checks import check_alpha, check_count, check_labels
from ....ops.inputs import one_hot
from .base import Classifier, PretrainMethod


class _InputMixing(PretrainMethod):
    transform_class: str  # in torchvision.transforms.v2
    factor: str  # torchvision's name for the share of the example itself, not of its partner

    def __init__(self, alpha: float = 1.0, *, K: int = 1) -> None:
        check_alpha(alpha)
        if not isinstance(alpha, (int, float)):
            raise ValueError(f'{type(self).__name__}: alpha must be a number, got {alpha!r}')
        check_count('K', K)
        self.K = K
        if not hasattr(v2, self.transform_class):
            raise ValueError(f'{type(self).__name__} needs torchvision >= 0.16, which is for torch >= 2.1')
        # Only labels would need the number of classes, and targets are mixed here.
        self.transform = getattr(v2, self.transform_class)(alpha=alpha, num_classes=1)
        # The names are public since torchvision 0.21.
        self._make_params, self._apply = (
            getattr(self.transform, name, None) or getattr(self.transform, old)
            for name, old in (('make_params', '_get_params'), ('transform', '_transform'))
        )

    def __call__(self, model: Classifier, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Features and soft targets of the mixed images, (K b, ...)."""
        check_labels(labels, model.head.num_classes)  # another one would be a target of zeros
        images, targets = self.mix(inputs, one_hot(labels, model.head.num_classes, torch.float32))
        return model.extract_feat(images), targets

    def mix(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Mix images (b, 3, h, w) and targets (b, c), giving (K b, 3, h, w) and (K b, c)."""
        # torchvision always pairs an image with the one before it: K calls mix the same pairs.
        drawn = [self._make_params([inputs]) for _ in range(self.K)]
        images, mixed = [], []
        for params in sorted(drawn, key=lambda params: params[self.factor]):
            images.append(self._apply(inputs, dict(params, labels=None, batch_size=len(inputs))))
            share = params[self.factor]
            mixed.append(targets.roll(1, 0) * (1 - share) + targets * share)
        return torch.cat(images), torch.cat(mixed)


@MODELS.register_module()
class InputMixup(_InputMixing):
    """Input mixup (Zhang et al., ICLR 2018) by ``torchvision.transforms.v2.MixUp``, on the model's device.

    ``x̃_i = λ x_i + (1 - λ) x_{i-1}`` and the targets alike, with one λ ~ Beta(alpha, alpha) for the whole
    mini-batch.

    With ``K > 1`` it is multi-mix (Shen, Yu, Yang, Kwok, arXiv 2406.01417): K independent factors of the same
    pairs, sorted, all K b mixed images trained, the loss averaged. An iteration then costs K forward and
    backward passes and K times the memory of the activations. The K b images go through the network as one
    batch, so batch norm sees the statistics of all of them, where K passes would see each K-th by itself.

    Args:
        alpha: Concentration of the Beta distribution.
        K: Factors of each pair; the paper reports 5.

    Raises:
        ValueError: An alpha that is not positive, a K below 1.
    """

    transform_class = 'MixUp'
    factor = 'lam'


@MODELS.register_module()
class CutMix(_InputMixing):
    """CutMix (Yun et al., ICCV 2019) by ``torchvision.transforms.v2.CutMix``, on the model's device.

    A box of the previous image replaces that of every image. It would have the area ``1 - λ``, with
    λ ~ Beta(alpha, alpha), but is clipped at the border; targets are weighted with its true area.

    Deviation: every mini-batch is mixed. The authors' command for CIFAR mixes half of them, that for ImageNet
    all.

    With ``K > 1`` it is multi-mix: K boxes for the same pairs, drawn independently and sorted by area
    (whether the authors' are nested is not known to us). Cost as for :class:`InputMixup`.

    Args:
        alpha: Concentration of the Beta distribution.
        K: Boxes of each pair; the paper reports 5.

    Raises:
        ValueError: An alpha that is not positive, a K below 1.
    """

    transform_class = 'CutMix'
    factor = 'lam_adjusted'
