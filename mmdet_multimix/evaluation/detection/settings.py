"""What is measured of a detector, and on which images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ...ops.checks import check_count, check_number, check_seed
from ..corruptions import CORRUPTIONS, SEVERITIES, check_corruptions
from .calibration import D_ECE_SCORE

MEASURES = ('ap', 'calibration', 'post_hoc', 'ood', 'corruptions')
CLEAN = 'test images'  # the name of the set itself beside those from outside


@dataclass(frozen=True)
class DetectionSettings:
    """What is measured of a detector, and on which images.

    Attributes:
        measures: Names of :data:`MEASURES`.
        ood: Folders of images without any known class, by name.
        corruptions: Which of the fifteen are made.
        severities: Which of the five.
        corrupted_images: How many images are corrupted, evenly spaced over the set; None means all.
        score_thr: The score from which a detection out of the distribution is confident.
        seed: Of the corruptions.

    Raises:
        ValueError: Unknown measures, corruptions or severities, a missing package, folders that would not be
            measured, a number out of range.
    """

    measures: tuple[str, ...] = MEASURES
    ood: dict[str, Path] = field(default_factory=dict)
    corruptions: tuple[str, ...] = CORRUPTIONS
    severities: tuple[int, ...] = SEVERITIES
    corrupted_images: int | None = None
    score_thr: float = D_ECE_SCORE
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or not self.measures:
            raise ValueError(f'unknown measures {unknown}: of a detector, choose among {", ".join(MEASURES)}')
        if self.ood and 'ood' not in self.measures:
            raise ValueError(f'folders for OOD detection are given, but ood is not among {self.measures}')
        if CLEAN in self.ood:
            raise ValueError(f'the OOD folder {CLEAN!r} needs another name: it is that of the set itself')
        if 'corruptions' in self.measures:
            check_corruptions(self.corruptions, self.severities)
        if self.corrupted_images is not None:
            check_count('corrupted_images', self.corrupted_images)
        check_seed('seed', self.seed)
        check_number('score_thr', self.score_thr)
        if not 0 < self.score_thr <= 1:
            raise ValueError(f'score_thr must be in (0, 1], got {self.score_thr}')
