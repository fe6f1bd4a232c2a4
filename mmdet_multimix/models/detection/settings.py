"""The settings of mixing in a detector, in one place for the hook, the heads and the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...ops.checks import check_choice, check_count, check_flag

ESS = 3  # of the tuples, unless a config says how strongly is mixed
AMONG = ('all', 'foreground', 'balanced', 'class_balanced')


@dataclass(frozen=True)
class MixingSettings:
    """How a detector mixes its examples. A config gives these by name, to the hook, a head or the loss.

    The defaults are those that did best where settings were compared, see ``docs/roi_multimix.md``. They
    deviate from the paper, which mixes images: its range of alpha is ``alpha=(0.5, 2.0)``, with which the
    term tells RoIs hardly apart.

    Args:
        n: Tuples per step, in dense forms at each position.
        among: Which examples are mixed: ``'all'``, ``'foreground'``, ``'balanced'`` or ``'class_balanced'``;
            see ``ExampleChoice``.
        loss_weight: Weight of the term. At 0 nothing is computed. ``DenseRoIMultiMix`` has another default.
        m: Examples per tuple, all by default.
        alpha: Dirichlet parameter, or the range that it is drawn from, instead of ``ess``.
        ess: How many examples effectively share a tuple, or the range that it is drawn from; see
            ``sample_weights``. 3 unless ``alpha`` is given. It means the same whatever the number of
            examples, which in a detector differs from step to step. Where there are no more examples, or
            within an image no more in it, the tuple is uniform.
        alpha_per: Whether it is drawn per ``'tuple'`` or per ``'example'``.
        max_examples: The most examples that are mixed at once, None for no bound. Two images have 1024 RoIs;
            a one-stage head has up to a million positions.
        within_image: Whether all examples of a tuple come from one image.
        gather: Whether the examples of all ranks are mixed together; not with ``within_image``.
        attention: ``'uniform'`` is none, ``'score'`` is Dense MultiMix in one-stage heads; see
            ``DetectionMultiMix``. The forms on RoI maps take those of ``DenseMultiMix``.

    Raises:
        ValueError: An unknown ``among``, a bad ``max_examples``, or ``within_image`` together with
            ``gather``.
    """

    n: int = 1000
    among: str = 'all'
    loss_weight: float = 0.5
    m: int | None = None
    alpha: float | tuple[float, float] | None = None
    ess: float | tuple[float, float] | None = None
    alpha_per: str = 'tuple'
    max_examples: int | None = 1024
    within_image: bool = False
    gather: bool = False
    attention: str = 'uniform'

    def __post_init__(self) -> None:
        if self.alpha is None and self.ess is None:
            object.__setattr__(self, 'ess', ESS)
        check_choice('among', self.among, AMONG)
        check_flag('within_image', self.within_image)
        check_flag('gather', self.gather)
        if self.within_image and self.gather:
            raise ValueError(
                'gather=True mixes the examples of all ranks, within_image=True those of one image: '
                'choose one of them'
            )
        if self.max_examples is not None:
            check_count('max_examples', self.max_examples)
            if self.max_examples == 1:
                raise ValueError('max_examples must be at least 2: one example has none to mix with; got 1')

    def of_multimix(self) -> dict[str, Any]:
        """The part of them that ``MultiMix`` takes, which checks it, too."""
        names = ('n', 'm', 'alpha', 'ess', 'alpha_per', 'loss_weight', 'gather')
        return {name: getattr(self, name) for name in names}
