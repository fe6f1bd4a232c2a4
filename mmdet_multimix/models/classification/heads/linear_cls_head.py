"""Global average pooling and a linear classifier, trained with cross-entropy."""

import torch
import torch.nn.functional as F
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from torch import Tensor, nn

from ....ops.checks import check_count
from ....utils.one_line import InputError


@MODELS.register_module()
class LinearClsHead(BaseModule):
    """The head that all methods share, with its cross-entropy loss.

    A method that trains the classifier differently subclasses this and overrides :meth:`losses` alone; then
    its predictions and its checkpoints are those of every other head. Shapes: b images, d channels,
    c classes.

    Args:
        num_classes: c.
        in_channels: d, the channels of the backbone's last feature map.

    Raises:
        ValueError: Fewer than 2 classes; in :meth:`forward`, features with another number of channels.
    """

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(init_cfg={'type': 'Normal', 'layer': 'Linear', 'std': 0.01})
        check_count('num_classes', num_classes)
        check_count('in_channels', in_channels)
        if num_classes < 2:
            raise ValueError(f'num_classes must be at least 2, got {num_classes}')
        self.num_classes = num_classes
        self.in_channels = in_channels
        self.fc = nn.Linear(in_channels, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Logits (b, c) of feature maps (b, d, h, w)."""
        if features.shape[1] != self.in_channels:
            raise InputError(
                f'head.in_channels is {self.in_channels}, but the backbone gives {features.shape[1]} channels'
            )
        return self.fc(features.mean(dim=(2, 3)))

    def loss(self, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Losses of a batch, and its accuracy.

        Args:
            features: Feature maps (b, d, h, w).
            labels: Labels (b,), or soft targets (b, c) of a method that mixes before the head.

        Returns:
            What :meth:`losses` gives, and ``acc``, the top-1 accuracy of these features in percent; with soft
            targets it counts the class of the largest one.
        """
        # The loss of half-precision logits would lose the small differences that mixing makes.
        logits = self(features).float()
        losses = self.losses(features, logits, labels)
        with torch.no_grad():
            expected = labels.argmax(dim=1) if labels.is_floating_point() else labels
            accuracy = 100 * (logits.argmax(dim=1) == expected).float().mean()
        return {**losses, 'acc': accuracy}

    def losses(self, features: Tensor, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss terms, each under a key that contains ``loss``.

        Args:
            features: Feature maps (b, d, h, w).
            logits: Logits of the pooled features (b, c), float32.
            labels: Labels (b,), or soft targets (b, c), which need not sum to 1.
        """
        return {'loss_cls': F.cross_entropy(logits, labels)}

    def predict(self, features: Tensor) -> Tensor:
        """Class probabilities (b, c) of feature maps (b, d, h, w)."""
        return self(features).float().softmax(dim=1)
