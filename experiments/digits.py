"""The digits detection set of an experiment: written once, and what points configs at it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from mmdet_multimix.datasets.digits_detection import write_digits_detection

from .locks import locked


def prepare_digits(folder: Path, num_train: int, num_val: int) -> None:
    """Writes the set unless it is there, once where several processes want it.

    The first images of a larger set are those of a smaller one, so that what was trained on that stays right.

    Args:
        folder: Where it is to be.
        num_train: Training images, at least.
        num_val: Validation images, at least.
    """
    with locked(folder.with_name(folder.name + '.lock')):
        if _images(folder, 'train') < num_train or _images(folder, 'val') < num_val:
            partial = folder.with_name(folder.name + '.part')
            shutil.rmtree(partial, ignore_errors=True)  # of a process that was killed
            write_digits_detection(partial, num_train=num_train, num_val=num_val)
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)


def _images(folder: Path, split: str) -> int:
    path = folder / 'annotations' / f'{split}.json'
    return len(json.loads(path.read_text())['images']) if path.exists() else 0


def digits_options(folder: Path) -> tuple[dict[str, Any], tuple[Path, ...]]:
    """What points the configs over `configs/_base_/datasets/digits_detection.py` at the set in a folder.

    Returns:
        Overrides for the configs, and the files of annotations.
    """
    annotations = tuple(folder / 'annotations' / f'{split}.json' for split in ('train', 'val'))
    options = {f'{name}_dataloader.dataset.data_root': f'{folder}/' for name in ('train', 'val', 'test')}
    options |= {f'{name}_evaluator.ann_file': str(annotations[1]) for name in ('val', 'test')}
    return options, annotations
