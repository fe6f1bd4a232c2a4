"""A picture of what was mixed, now and then.

Shape letters: b examples, n tuples, c classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmdet.models.data_preprocessors import DetDataPreprocessor
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.registry import HOOKS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.detection.example_choice import ExampleChoice, mixed_weights
from ...models.multimix import MultiMix, mixing_modules
from ...ops.checks import check_count
from ...ops.gather import gather_examples, rank
from ...utils.one_line import InputError
from ...utils.unwrap import unwrapped
from ...visualization.mixed_tuples import MixedTuple, draw_mixed_tuples

_LEAST = 4  # pixels of a crop along each side


@HOOKS.register_module()
class MultiMixVisualizationHook(Hook):
    """Draws a few of the tuples that MultiMix mixes, for TensorBoard and ``vis_data`` in the work directory.

    In a config, beside whatever mixes (``MultiMixHook``, a head or a loss)::

        custom_hooks = [dict(type='MultiMixHook'), dict(type='MultiMixVisualizationHook', interval=500)]

    Every tuple is a row: its examples with the largest weights, and the mixed target of all of its examples.
    An example is drawn as the part of the input image that it stands for: the box of a RoI, the neighbourhood
    of a position (4 strides wide) or the predicted box of a query in a one-stage head, the whole image in a
    classifier, or in a one-stage head whose scores are of half precision, which cannot carry positions. What
    is not at hand is drawn grey: examples of other ranks, boxes outside of their image, those of
    ``MultiMixLoss``, which is not told their boxes, those of semi-supervised detectors, and what the method
    of a classifier has mixed already. A picture that
    fails, for whatever reason, is one warning and never the end of the training.

    The examples are those mixed in that iteration. The tuples are drawn for the picture, from the
    distribution that trains but not those of the loss, which are gone by then. With attention (Dense
    MultiMix) the weights are those before they are multiplied by it. Training is the same to the bit with
    and without the hook. A model with several heads that mix, such as a cascade, gives a picture for each.

    Args:
        interval: Iterations from one picture to the next.
        num_tuples: Tuples in a picture.
        num_examples: Examples drawn of each.

    Raises:
        ValueError: Arguments below 1; no MultiMix in the model.
    """

    priority = 'LOW'  # after MultiMixHook has put MultiMix in

    def __init__(self, interval: int = 500, num_tuples: int = 4, num_examples: int = 5) -> None:
        check_count('interval', interval)
        check_count('num_tuples', num_tuples)
        check_count('num_examples', num_examples)
        self.interval = interval
        self.num_tuples = num_tuples
        self.num_examples = num_examples
        self._given: dict[str, Any] = {}
        self._handle: Any = None
        self._warned = False

    def before_train(self, runner: Runner) -> None:
        """Looks whether there is anything to draw."""
        if not mixing_modules(unwrapped(runner)):
            raise InputError(
                'MultiMixVisualizationHook has nothing to draw: the model has no MultiMix. Use MultiMixHook, '
                'MultiMixLoss or a head that mixes'
            )

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        """Lets the modules keep what a picture needs, if there is to be one."""
        if not self.every_n_train_iters(runner, self.interval):
            return
        model = unwrapped(runner)
        for module in mixing_modules(model).values():
            if isinstance(module, ExampleChoice):
                module.record = True
            else:
                module.watched = True
        self._handle = model.register_forward_pre_hook(self._keep, with_kwargs=True)

    def _keep(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        self._given = {**dict(zip(('inputs', 'data_samples'), args, strict=False)), **kwargs}

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None, outputs: dict | None = None
    ) -> None:
        """Draws the pictures."""
        if self._handle is None:
            return
        self._handle.remove()
        given, self._given, self._handle = self._given, {}, None
        model = unwrapped(runner)
        modules = mixing_modules(model)
        for name, module in modules.items():
            try:
                self._draw(runner, name, module, given, alone=len(modules) == 1)
            except Exception as error:  # a disk that is full, a data set without names: no loss for training
                self._warn(runner, name, error)
            finally:
                if isinstance(module, ExampleChoice):
                    module.record, module.mixed_origins = False, None
                else:
                    module.watched = False

    def _draw(
        self, runner: Runner, name: str, module: MultiMix, given: dict[str, Any], *, alone: bool
    ) -> None:
        targets, origins = _mixed(unwrapped(runner), module, given)
        if targets is None or not len(targets) or not is_main_process():
            return
        tuples = self._tuples(runner, module, targets.cpu(), origins, given.get('inputs'))
        parents = name.split('.')[:-1]  # a slash in a key would be a folder that is not there
        key = 'multimix' if alone else '_'.join(['multimix', *parents])
        title = f'{".".join(parents) or "MultiMix"}, iteration {runner.iter + 1}: {len(targets)} examples'
        if getattr(module, 'attention', 'uniform') != 'uniform':
            title += ', weights before attention'
        runner.visualizer.add_image(key, draw_mixed_tuples(tuples, title=title), runner.iter + 1)

    def _warn(self, runner: Runner, name: str, error: Exception) -> None:
        if not self._warned:
            runner.logger.warning(
                f'MultiMixVisualizationHook: no picture of {name or "the model"} in iteration '
                f'{runner.iter + 1}: {type(error).__name__}: {error}. The training goes on; '
                'pictures that fail from now on are not mentioned'
            )
        self._warned = True

    def _tuples(
        self, runner: Runner, module: MultiMix, targets: Tensor, origins: Tensor | None, inputs: Any
    ) -> list[MixedTuple]:
        names = _class_names(runner, module, targets)
        rows = F.one_hot(targets, len(names)).float() if targets.dim() == 1 else targets.float()
        if rows.shape[1] < len(names):  # sigmoid: the background is no class at all
            rows = torch.cat([rows, (1 - rows.sum(dim=1, keepdim=True)).clamp(min=0)], dim=1)
        weights = mixed_weights(module, len(targets), self.num_tuples, seed=runner.iter)  # (n, b)
        tuples = []
        for weight in weights:
            top = weight.argsort(descending=True)[: min(self.num_examples, int((weight > 0).sum()))]
            shares = weight @ rows  # (c,)
            tuples.append(
                MixedTuple(
                    crops=[_crop(unwrapped(runner), inputs, origins, int(i)) for i in top],
                    names=[names[int(rows[i].argmax())] for i in top],
                    weights=weight[top].tolist(),
                    num_examples=int((weight > 0).sum()),
                    target={names[i]: float(x) for i, x in enumerate(shares) if x > 0},
                )
            )
        return tuples


def _mixed(model: BaseModel, module: MultiMix, given: dict[str, Any]) -> tuple[Tensor | None, Tensor | None]:
    """The targets ``(b,)`` or ``(b, c)`` mixed last, and where the examples are from, ``(b, 5)``."""
    if isinstance(module, ExampleChoice):
        return module.mixed_targets, module.mixed_origins
    targets, method = module.kept_targets, getattr(model, 'method', None)
    if targets is None:
        return None, None
    origins = targets.new_full((len(targets), 5), torch.nan, dtype=torch.float32)
    if 'gt_label' in given and (method is None or getattr(method, 'keeps_images', False)):
        images = torch.arange(len(given['gt_label']), device=targets.device)
        if module.gather:
            images, ranks = gather_examples(images, torch.full_like(images, rank()), dims=(0, 0))
            images = torch.where(ranks == rank(), images.float(), torch.nan)
        origins[:, 0] = images
    return targets, origins


def _class_names(runner: Runner, module: MultiMix, targets: Tensor) -> list[str]:
    """Of the classes, and of the background where the module knows one."""
    names = [str(name) for name in runner.train_dataloader.dataset.metainfo.get('classes', ())]
    c = int(targets.max()) + 1 if targets.dim() == 1 else targets.shape[1]
    if names and isinstance(module, ExampleChoice):
        names.append('background')
    return names + [f'label {i}' for i in range(len(names), c)]


def _crop(model: BaseModel, inputs: Any, origins: Tensor | None, index: int) -> np.ndarray | None:
    """What an example stands for in its image, ``(h, w, 3)``."""
    if origins is None or not isinstance(inputs, (Tensor, list)) or origins[index, 0].isnan():
        return None
    image = inputs[int(origins[index, 0]) % len(inputs)]  # TridentNet repeats the images for each branch
    h, w = image.shape[-2:]
    box = origins[index, 1:].float()
    if not len(box) or box.isnan().any():
        return displayable(image, model.data_preprocessor)
    left, top, right, bottom = box.tolist()
    columns, rows = _visible(left, right, w), _visible(top, bottom, h)
    if columns is None or rows is None:
        return None
    (x1, x2), (y1, y2) = columns, rows
    return displayable(image[:, y1:y2, x1:x2], model.data_preprocessor)


def _visible(start: float, end: float, side: int) -> tuple[int, int] | None:
    """The pixels of an image that a box covers along an axis, four at least; None if it covers none.

    Args:
        start: Where the box begins, in pixels; any number, an infinite one too.
        end: Where it ends.
        side: The number of pixels that the image has.
    """
    if end <= 0 or start >= side:
        return None
    first, last = round(max(start, 0)), round(min(end, side))
    first = max(min(first, side - _LEAST), 0)
    return first, min(max(last, first + _LEAST), side)


def displayable(image: Tensor, data_preprocessor: BaseDataPreprocessor) -> np.ndarray:
    """An image as it was before it was normalised, RGB.

    mmdet loads images as BGR, so what its preprocessor does not convert is still that; other preprocessors
    get RGB.

    Args:
        image: ``(3, h, w)``, as the model gets it.
        data_preprocessor: What normalised it.

    Returns:
        ``(h, w, 3)``, bytes.
    """
    image = image.detach().float().cpu()
    if getattr(data_preprocessor, '_enable_normalize', False):
        image = image * data_preprocessor.std.cpu() + data_preprocessor.mean.cpu()
    converted = getattr(data_preprocessor, '_channel_conversion', False)
    if converted != isinstance(data_preprocessor, DetDataPreprocessor):
        image = image.flip(0)
    return image.clamp(0, 255).round().byte().expand(3, -1, -1).permute(1, 2, 0).numpy()
