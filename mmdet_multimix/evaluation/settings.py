"""What is measured, and how strongly it is attacked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..ops.checks import check_count, check_number, check_seed
from .corruptions import CORRUPTIONS, SEVERITIES, check_corruptions
from .ood_images import NOISES

MEASURES = ('accuracy', 'calibration', 'ood', 'embedding', 'fgsm', 'pgd', 'corruptions')


@dataclass(frozen=True)
class Settings:
    """What is measured, and how strongly it is attacked.

    The strengths are those of Puzzle Mix's (Kim et al., ICML 2020) script for robustness: FGSM 8/255, PGD of
    radius 4/255 in 20 steps of 2/255 from a random start, and corruptions as the mean over types and
    severities.

    Attributes:
        measures: Names of :data:`MEASURES`.
        ood: Folders of images from outside the distribution, by name; noise is always measured.
        fgsm_eps: Size of the step, in [0, 1] pixel space.
        pgd_eps: Radius of the ball.
        pgd_step: Size of a step.
        pgd_steps: Number of steps.
        corruptions: Which of the fifteen are made.
        severities: Which of the five.
        corrupted_images: Number of images that are corrupted, evenly spaced over the set. None means all.
        attack_images: Number of images that are attacked. They are evenly spaced over the set, which may be
            sorted by class. None means all of them.
        seed: Seed of the noise, the random starts and the corruptions.

    Raises:
        ValueError: Unknown measures or corruptions, a missing package, folders that would not be measured or
            are named like a noise, strengths that are not positive.
    """

    measures: tuple[str, ...] = MEASURES
    ood: dict[str, Path] = field(default_factory=dict)
    fgsm_eps: float = 8 / 255
    pgd_eps: float = 4 / 255
    pgd_step: float = 2 / 255
    pgd_steps: int = 20
    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    corrupted_images: int | None = None
    attack_images: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or not self.measures:
            raise ValueError(f'unknown measures {unknown}: choose among {", ".join(MEASURES)}')
        if self.ood and 'ood' not in self.measures:
            raise ValueError(f'folders for OOD detection are given, but ood is not among {self.measures}')
        taken = [name for name in self.ood if name in NOISES]
        if taken:
            raise ValueError(f'the OOD folder {taken[0]!r} needs another name: it is that of a noise')
        for name in ('fgsm_eps', 'pgd_eps', 'pgd_step'):
            check_number(name, getattr(self, name))
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f'{name} must be in (0, 1], in units of the pixel range, got {getattr(self, name)}'
                )
        if 'corruptions' in self.measures:
            check_corruptions(self.corruptions, self.severities)
        for name in ('pgd_steps', 'attack_images', 'corrupted_images'):
            value = getattr(self, name)
            if value is not None or name == 'pgd_steps':
                check_count(name, value)
        check_seed('seed', self.seed)
