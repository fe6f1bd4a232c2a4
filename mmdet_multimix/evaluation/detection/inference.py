"""A trained detector, and what it finds in the images of a set, kept on disk as it goes."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet.models.detectors.base import BaseDetector
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner
from torch.utils.data import Dataset, Subset

from ...checkpoints import load_whole
from ...checkpoints.loading import choose_weights
from ...checkpoints.reading import meta_of
from ...checkpoints.stored_classes import classes_of
from ...utils.files import whole_file
from ...utils.progress import Progress
from ...utils.registered import is_a, registered, use_scope_of
from .boxes import Detections

PART = 100  # images in a file of predictions


def is_detector(cfg: Config) -> bool:
    """Whether a config's model is one of mmdet's detectors."""
    use_scope_of(cfg)
    return is_a(registered(cfg.get('model', {}).get('type'), MODELS), BaseDetector)


def load_detector(
    cfg: Config, checkpoint: str | Path, device: str | torch.device = 'cpu', weights: str | None = None
) -> tuple[BaseDetector, dict[str, Any]]:
    """Build the detector of a config and fill it from a checkpoint, completely.

    Args:
        cfg: A config of mmdet.
        checkpoint: Its checkpoint.
        device: Where it runs.
        weights: ``'ema'`` for the averaged ones of a run with an EMA, ``'model'`` for the trained ones, None
            for those that the run validated.

    Returns:
        The detector in eval mode; and a dict of ``weights``, which were taken, and of what the checkpoint
        says of itself: ``epoch``, ``iter`` and ``classes``, each None where it says nothing.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: It is one of another model, or has no averaged weights and they are asked for.
    """
    use_scope_of(cfg)
    model = MODELS.build(cfg.model)
    stored = load_whole(model, checkpoint, weights)
    model.to(device).eval()
    facts: dict[str, Any] = {'weights': choose_weights(stored, weights, checkpoint)[0]}
    facts |= {name: meta_of(stored).get(name) for name in ('epoch', 'iter')}
    facts['epoch'] = facts['epoch'] or None  # a run by iterations says 0
    return model, {**facts, 'classes': classes_of(stored) or None}


class Predictor:
    """Runs a detector over sets of images and keeps what it finds, a file for each hundred images.

    A second run of the same detector in the same folder reads what is there and goes on behind it. What
    another checkpoint, config, code or seed found, or in other images, stands in a folder of another name.
    Files are NumPy's, without pickled objects.

    Args:
        model: The detector.
        loader: Config of the dataloader; its set and sampler are replaced.
        folder: Where files are kept.
        identity: Whatever the predictions depend on, apart from the set's name.
        num_classes: How many classes the set has.
    """

    def __init__(
        self,
        model: BaseDetector,
        loader: dict,
        folder: str | Path,
        identity: Sequence[Any],
        num_classes: int,
    ) -> None:
        self.model = model
        self.loader = {**loader, 'drop_last': False, 'persistent_workers': False}
        for key in ('dataset', 'sampler', 'batch_sampler', 'num_batch_per_epoch'):
            self.loader.pop(key, None)
        self.folder = Path(folder)
        self.identity = identity
        self.num_classes = num_classes

    def __call__(
        self,
        name: str,
        dataset: BaseDataset,
        items: Sequence[str],
        progress: Progress,
        more: Sequence[Any] = (),
    ) -> Detections:
        """Everything that is found in a set.

        Args:
            name: Names the set among those of this predictor.
            dataset: Gives what the detector's ``test_step`` takes.
            items: What each of its items shows, from :func:`~.data.contents`.
            progress: Shown how far it is.
            more: Whatever else the predictions depend on.

        Returns:
            The detections; their ``images`` are places in the set.

        Raises:
            ValueError: The detector gives no boxes with scores, scores that are no probabilities, or labels
                that are none of the set's.
        """
        key = hashlib.sha256(json.dumps([*self.identity, *more, name, *items], default=str).encode())
        folder = self.folder / f'{name}_{key.hexdigest()[:12]}'
        folder.mkdir(parents=True, exist_ok=True)
        starts = range(0, len(dataset), PART)
        parts = {start: _read(folder / f'{start:07d}.npz') for start in starts}
        missing = [start for start, part in parts.items() if part is None]
        if missing:
            todo = [i for start in missing for i in range(start, min(start + PART, len(dataset)))]
            done, rows = len(dataset) - len(todo), []
            for position, found in zip(todo, self._run(Subset(dataset, todo)), strict=True):
                rows.append((np.full(len(found[2]), position), *found))
                if position + 1 == min(position // PART * PART + PART, len(dataset)):
                    start = position // PART * PART
                    parts[start] = [np.concatenate(column) for column in zip(*rows, strict=True)]
                    _write(folder / f'{start:07d}.npz', parts[start])
                    rows = []
                done += 1
                progress.update(done / len(dataset), f'{done} of {len(dataset)} images')
        return Detections(*(np.concatenate(column) for column in zip(*parts.values(), strict=True)))

    @torch.no_grad()
    def _run(self, dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Labels, boxes and scores of each image."""
        sampler = dict(type='DefaultSampler', shuffle=False)
        for batch in Runner.build_dataloader({**self.loader, 'dataset': dataset, 'sampler': sampler}):
            for sample in self.model.test_step(batch):
                found = getattr(sample, 'pred_instances', None)
                if found is None or 'scores' not in found or 'bboxes' not in found:
                    raise ValueError(f'{type(self.model).__name__} gives no boxes with scores')
                labels = found.labels.cpu().numpy()
                if len(labels) and labels.max() >= self.num_classes:
                    raise ValueError(
                        f'the detector gives label {labels.max()}, but the test set has {self.num_classes} '
                        'classes: give test_dataloader.dataset.metainfo the classes of the training set'
                    )
                corners = getattr(found.bboxes, 'tensor', found.bboxes)
                boxes = corners.double().cpu().numpy().reshape(-1, 4).copy()
                boxes[:, 2:] -= boxes[:, :2]
                yield labels, boxes, found.scores.double().cpu().numpy()


_NAMES = ('images', 'labels', 'boxes', 'scores')


def _write(path: Path, part: list[np.ndarray]) -> None:
    with whole_file(path) as file:
        np.savez_compressed(file, **dict(zip(_NAMES, part, strict=True)))  # type: ignore[arg-type]


def _read(path: Path) -> list[np.ndarray] | None:
    """What is in a file of predictions; None where there is none, or a broken one."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return [stored[name] for name in _NAMES]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
