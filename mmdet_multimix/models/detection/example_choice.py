"""Which of a detector's examples are mixed, and which of them may meet in one tuple.

Shape letters: b examples, n tuples, c logits of an example.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from ...ops import sample_weights
from ...ops.gather import gather_examples, rank
from ..multimix import MultiMix
from .own_draws import OwnDraws
from .settings import MixingSettings

MAX_RATIO = 2  # of the numbers of examples of two classes that are called balanced
MIN_SHARE = 1 / 4  # of objects in a subset of all examples; mmdet samples RoIs so


class ExampleChoice:
    """Which of a detector's examples are mixed; a base, before ``MultiMix``, of modules that mix them.

    Of the examples with a positive label weight, those of

    * ``among='foreground'``: an object's label;
    * ``'balanced'``: an object's label, and as many of the background, drawn at random;
    * ``'class_balanced'``: an object's label, as many as there can be while no class of objects that occurs
      has more than twice as many as another: of each, at most twice the number of the rarest, drawn at
      random without replacement. The background counts as one more class: as many are drawn of it as the
      most frequent class keeps. (Cut down to the rarest class, of which there is often a single example,
      hardly any would be left.) Classes that do not occur do not count; without objects nothing is mixed.
    * ``'all'``: either. Where there are more than ``max_examples``, a random subset in which objects keep
      their share, but are at least a quarter, if there are so many: one-stage detectors have thousands of
      anchors for each object, and would mix background alone.

    Never more than ``max_examples``: a random subset is mixed where there are; of classes that are balanced,
    as many of each. The background drawn is any of the head's, not its hard negatives. What is drawn, the
    weights of the tuples included, comes from generators of our own; see ``own_draws``.

    With ``within_image`` no tuple spans two images: all of the above holds for each image by itself, with an
    equal share of ``max_examples``, and the n tuples are shared out among the images by their numbers of
    chosen examples, so that there are n in all and the loss is still the mean over them.

    With ``gather`` each rank chooses from its own examples, as many as it may, and what all ranks chose is
    mixed together.

    Choosing waits for the device once or twice, five times if ``among='class_balanced'`` (for each image, if
    within one), right after the head, which has done the same for the same labels, computed its own loss.
    """

    n: int
    among: str
    max_examples: int | None
    within_image: bool
    gather: bool
    generator: torch.Generator | None
    draws: OwnDraws
    mixed_labels: Tensor | None = None
    """Labels ``(b,)``, or soft targets ``(b, c)``, of what was mixed last; for scalars."""
    mixed_targets: Tensor | None = None
    """What the loss took for them, ``(b,)`` or ``(b, c)``; for pictures."""
    record: bool = False
    """Whether to keep ``mixed_origins``; for pictures."""
    mixed_origins: Tensor | None = None
    """Where they are from, ``(b, 5)``: image index and box in pixels, NaN where unknown or on another
    rank."""
    group_sizes: Sequence[int] = ()
    """How many of them in turn may meet in a tuple: b, or those of each image."""

    _kept: tuple[Tensor, Tensor, Tensor | None] | None
    _generators: tuple[torch.Generator | None, torch.Generator | None] = (None, None)

    def set_choice(self, settings: MixingSettings) -> None:
        """Takes over the part of the settings that decides which examples are mixed."""
        self.among = settings.among
        self.max_examples = settings.max_examples
        self.within_image = settings.within_image
        self.draws = OwnDraws()

    @contextmanager
    def drawing(self, device: torch.device) -> Iterator[None]:
        """All that is drawn inside comes from generators of this call, or from ``generator``, if set."""
        if self.generator is None:
            self._generators = self.draws.generators(device, shared=self.gather)
        elif self.gather:  # ranks share what was given, which must be at the same place on all
            self._generators = self.draws.generators(device, shared=False)[0], self.generator
        else:
            self._generators = self.generator, self.generator
        try:
            yield
        finally:
            self._generators = (None, None)

    def choose(
        self, labels: Tensor, label_weights: Tensor | None, background: int, origins: Tensor | None = None
    ) -> Tensor:
        """The indices of the examples to mix, image by image if within one.

        Sets ``mixed_labels``, ``mixed_origins`` and ``group_sizes``.

        Args:
            labels: ``(b,)`` integers, or ``(b, c)`` soft.
            label_weights: ``(b,)``, zero where an example must not be used; None means 1.
            background: The label of the background, or the first column that is none of an object's class.
            origins: Where the examples are from: ``(b, 1)`` image indices, or ``(b, 5)`` with boxes in
                pixels. Looked at only within images, which needs them, or to ``record``.

        Raises:
            ValueError: Within images, but ``origins`` are not given.
        """
        if self._generators == (None, None):  # called by itself, not by `losses`
            with self.drawing(labels.device):
                return self.choose(labels, label_weights, background, origins)
        if self.within_image and origins is None:
            raise ValueError(
                'within_image=True needs the image of each example: give origins, (b, 5) or (b, 1)'
            )
        classes = labels
        if labels.is_floating_point():
            shares = labels[:, :background]
            foreground = shares.sum(dim=1) > 0
            usable = torch.ones_like(foreground)
            classes = shares.argmax(dim=1)
        else:
            # Negative labels are ignored by mmdet's assigners; those too large are left in, to be refused.
            usable, foreground = labels >= 0, labels < background
        if label_weights is not None:
            usable = usable & (label_weights > 0)
        objects, others = usable & foreground, usable & ~foreground
        if self.within_image:
            images = origins[:, 0]
            found = torch.unique(images[usable])
            cap = self.max_examples and max(1, self.max_examples // max(1, len(found)))
            parts = [
                self._chosen(objects & (images == image), others & (images == image), classes, cap)
                for image in found
            ]
        else:
            parts = [self._chosen(objects, others, classes, self.max_examples)]
        chosen = torch.cat(parts) if parts else objects.nonzero().flatten()
        self.group_sizes = [len(part) for part in parts if len(part)]
        self.mixed_labels = labels[chosen].detach()
        self.mixed_origins = origins[chosen].detach() if self.record and origins is not None else None
        if self.gather:
            self._gather_choice()
        return chosen

    def choose_nothing(self) -> None:
        """Notes that nothing was mixed."""
        self.mixed_labels = self.mixed_targets = self.mixed_origins = self._kept = None
        self.group_sizes = ()

    def _gather_choice(self) -> None:
        labels, origins = self.mixed_labels, self.mixed_origins
        self.mixed_labels = gather_examples(labels, dims=(0,))[0]
        self.group_sizes = [len(self.mixed_labels)]
        if self.record:
            if origins is None:
                origins = labels.new_full((len(labels), 5), torch.nan, dtype=torch.float32)
            ranks = torch.full((len(labels),), rank(), device=labels.device)
            origins, ranks = gather_examples(origins, ranks, dims=(0, 0))
            elsewhere = (ranks != rank()).unsqueeze(1)
            self.mixed_origins = origins.masked_fill(elsewhere, torch.nan)

    def groups(self, *tensors: Tensor | None) -> list[tuple[int, tuple[Tensor | None, ...]]]:
        """What may meet in a tuple: each group's number of tuples and its part of the tensors ``(b, ...)``.

        One group with all of them, be they none, or one for each image that gets a tuple.
        """
        if len(self.group_sizes) <= 1:
            return [(self.n, tensors)]
        counts = share_out(self.n, self.group_sizes)
        empty = (None,) * len(counts)
        parts = [empty if x is None else x.split(list(self.group_sizes)) for x in tensors]
        return [(count, rows) for count, rows in zip(counts, zip(*parts, strict=True), strict=True) if count]

    def _chosen(self, objects: Tensor, others: Tensor, classes: Tensor, cap: int | None) -> Tensor:
        if self.among == 'class_balanced':
            return self._class_balanced(objects.nonzero().flatten(), others.nonzero().flatten(), classes, cap)
        if self.among == 'all' and (cap is None or len(objects) <= cap):
            return (objects | others).nonzero().flatten()
        objects, most = objects.nonzero().flatten(), cap
        if self.among == 'foreground':  # which has no need to wait for the others
            return self._draw(objects, most)
        others = others.nonzero().flatten()
        if self.among == 'balanced' and cap is not None:
            most = cap // 2
        elif self.among == 'all':
            total = max(1, len(objects) + len(others))
            most = max(1, int(cap * MIN_SHARE), round(cap * len(objects) / total))
        chosen = self._draw(objects, most)
        wanted = len(chosen) if self.among == 'balanced' else cap - len(chosen)
        return torch.cat([chosen, self._draw(others, wanted)])

    def _class_balanced(self, objects: Tensor, others: Tensor, classes: Tensor, cap: int | None) -> Tensor:
        if not len(objects):
            return objects
        objects = self._shuffled(objects)
        _, inverse, counts = torch.unique(classes[objects], return_inverse=True, return_counts=True)
        sizes = counts.tolist()
        most = MAX_RATIO * min(sizes)
        if cap is not None:
            most = min(most, max(1, cap // (len(sizes) + 1)))
        order = inverse.argsort(stable=True)  # class by class, at random within each
        place = torch.arange(len(order), device=order.device) - (counts.cumsum(0) - counts)[inverse[order]]
        chosen = objects[order[place < most]]
        background = self._draw(others, min(most, max(sizes)))
        return self._draw(torch.cat([chosen, background]), cap)

    def _draw(self, indices: Tensor, count: int | None) -> Tensor:
        return indices if count is None or len(indices) <= count else self._shuffled(indices)[:count]

    def _shuffled(self, indices: Tensor) -> Tensor:
        order = torch.randperm(len(indices), generator=self._generators[0], device=indices.device)
        return indices[order]

    def _source(self, device: torch.device) -> torch.Generator | None:
        return self.generator if self._generators[1] is None else self._generators[1]


def share_out(n: int, sizes: Sequence[int]) -> list[int]:
    """Whole numbers in proportion to sizes that sum to n: the largest remainders are rounded up."""
    total = sum(sizes)
    counts = [n * size // total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda i: -(n * sizes[i] % total))
    for i in by_remainder[: n - sum(counts)]:
        counts[i] += 1
    return counts


def group_mean(parts: list[tuple[int, Any]]) -> Any:
    """The mean over all tuples, from each group's number of tuples and its mean over them."""
    n = sum(count for count, _ in parts)
    return sum(value * (count / n) for count, value in parts)


def mixed_weights(module: MultiMix, b: int, n: int, *, seed: int = 0) -> Tensor:
    """Weights of n tuples over the b examples of a module's last mini-batch, as it draws them itself.

    Not the draw of the loss, but from the same distribution, with a generator of their own: the training's
    goes on undisturbed.

    Args:
        module: What mixes.
        b: Number of examples that it mixed last, all groups together.
        n: Number of tuples, in proportion to the examples of each group.
        seed: Seed of the draw.

    Returns:
        ``(n, b)``, zeros where examples are of another group than a tuple.
    """
    generator = torch.Generator('cpu').manual_seed(seed)
    sizes = list(getattr(module, 'group_sizes', ())) or [b]
    # Whatever torch's defaults are: some programs set another dtype or device.
    alike: dict[str, Any] = dict(dtype=torch.float32, device='cpu')
    weights, start = torch.zeros(n, b, **alike), [0, 0]
    for count, size in zip(share_out(n, sizes), sizes, strict=True):
        if count:
            options = {**module.sampling(size), 'n': count}
            row, column = start
            drawn = sample_weights(b=size, generator=generator, **options, **alike)
            weights[row : row + count, column : column + size] = drawn
        start = [start[0] + count, start[1] + size]
    return weights
