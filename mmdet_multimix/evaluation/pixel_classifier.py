"""A trained classifier as a function of pixels in [0, 1], and how it is read from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from torch import Tensor

from ..checkpoints import match_state_dict, read_checkpoint, state_dict_of
from ..checkpoints.loading import choose_weights, what_it_holds
from ..checkpoints.reading import meta_of
from ..checkpoints.stored_classes import classes_of
from ..models.classification.image_classifier import ImageClassifier
from ..utils.registered import is_a, registered, use_scope_of


class PixelClassifier:
    """Normalises inside the call, so that images are compared, made and attacked in pixel space.

    The model is put into eval mode, its parameters get no gradients.

    Args:
        model: The classifier.
        device: Where it runs.
        classes: Class names of the training set, where they are known.
    """

    def __init__(
        self,
        model: ImageClassifier,
        device: str | torch.device = 'cpu',
        classes: Sequence[str] | None = None,
    ) -> None:
        self.model = model.to(device).eval().requires_grad_(False)
        self.device = torch.device(device)
        self.classes = classes

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (b, c), float32, of images (b, 3, h, w) in [0, 1]; differentiable in the images."""
        return self.embed(images)[1]

    def embed(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features and logits.

        Args:
            images: ``(b, 3, h, w)`` in [0, 1].

        Returns:
            ``(b, d)`` and ``(b, c)``, float32.
        """
        inputs = self.model.data_preprocessor({'inputs': 255 * images}, False)['inputs']
        features = self.model.extract_feat(inputs)
        return features.float().mean(dim=(2, 3)), self.model.head(features).float()


def load_classifier(
    cfg: Config, checkpoint: str | Path, weights: str | None = None, device: str | None = None
) -> tuple[PixelClassifier, dict]:
    """Build the classifier of a config and fill it from a checkpoint, completely.

    Args:
        cfg: A config of ours, its ``model`` an :class:`ImageClassifier`.
        checkpoint: Training checkpoint.
        weights: Which weights of a run with EMA are taken: the averaged ones (``'ema'``) or the trained ones
            (``'model'``). None takes those that the run itself evaluated: the averaged ones if there are any.
        device: Where it runs. None takes a GPU where there is one.

    Returns:
        The classifier, and a dict of ``weights`` (which were taken) and of the ``epoch`` and ``iter`` of the
        checkpoint, None where it does not name them.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The config is not one of a classifier, the checkpoint is one of another model, it holds
            no averaged weights and they are asked for, or there is no such device.
    """
    device = choose_device(device)
    use_scope_of(cfg)
    kind = registered(cfg.model.type, MODELS)
    if not is_a(kind, ImageClassifier):
        raise ValueError(
            f'model.type is {cfg.model.type}, which is not an ImageClassifier; tools/evaluate.py takes '
            "those, and mmdet's detectors"
        )
    stored = read_checkpoint(checkpoint)
    weights, behind = choose_weights(stored, weights, checkpoint)
    state = {**state_dict_of(stored), **behind}
    model = MODELS.build(cfg.model)
    _fill(model, state, checkpoint, what_it_holds(stored))
    meta = meta_of(stored)
    classes = classes_of(stored) or None
    facts = {'weights': weights, 'epoch': meta.get('epoch'), 'iter': meta.get('iter')}
    return PixelClassifier(model, device, classes), facts


def choose_device(name: str | None) -> str:
    """The device of a name, a GPU for None where there is one.

    Raises:
        ValueError: There is no such device.
    """
    if name is None:
        return 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f'device {name}: {str(error).splitlines()[0]}') from error
    return name


def _fill(model: ImageClassifier, state: dict[str, Tensor], path: str | Path, held: str) -> None:
    wanted = model.state_dict()
    # Another copy of the model in the checkpoint, such as a teacher, must not be mistaken for it.
    prefix = '' if any(key in wanted for key in state) else None
    matched = match_state_dict(state, wanted, prefix)
    held = '' if matched.state or matched.misshapen else f'; {held}'
    if matched.missing or matched.misshapen or matched.unusable or matched.foreign:
        raise ValueError(
            f'checkpoint {path} is not one of the model in the config{held}:\n{matched.differences()}\n'
            'Give the config that it was trained with, and a training checkpoint, not a backbone.'
        )
    model.load_state_dict(matched.state, strict=False)
