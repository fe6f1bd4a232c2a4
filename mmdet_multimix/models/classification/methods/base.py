"""The interface of pretraining methods: the step between a batch and the loss of the head."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn


class Head(Protocol):
    """The part of a head that a method uses."""

    num_classes: int

    def predict(self, features: Tensor) -> Tensor:
        """Class probabilities ``(b, c)`` of feature maps ``(b, d, h, w)``."""


class Classifier(Protocol):
    """The part of :class:`ImageClassifier` that a method uses."""

    backbone: nn.Module
    head: Head

    def extract_feat(self, inputs: Tensor) -> Tensor:
        """The last feature map ``(b, d, h, w)`` of normalised images ``(b, 3, h, w)``."""

    def eval(self) -> Any:
        """Switch to how it predicts."""


class PretrainMethod:
    """Turns images and labels into features and targets, in training only.

    A subclass is registered in ``MODELS`` and named in the config of :class:`ImageClassifier`,
    ``method=dict(type=...)``. It is no module: it has no parameters, and leaves no trace in checkpoints.
    Shapes: b images, c classes, d channels.
    """

    keeps_images: bool = False
    """Whether its examples are the images, in their order, so that a picture of one shows the other."""

    def check(self, model: Classifier) -> None:
        """Refuse a backbone or a head that does not go with the method.

        It is called once, when the classifier is built.

        Raises:
            ValueError: They do not go together; the message gives the reason.
        """

    def __call__(self, model: Classifier, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features that the head trains on, and their targets.

        Args:
            model: The classifier; ``model.extract_feat`` gives the features of images.
            inputs: Normalised images (b, 3, h, w).
            labels: Labels (b,).

        Returns:
            Features (k, d, h', w') and targets, (k,) integers or (k, c) soft, for any k.
        """
        raise NotImplementedError
