"""All measures of one detector on one set, the long ones last."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from torch.utils.data import Subset

from ...utils.progress import Progress
from ...utils.spacing import evenly_spaced
from ..corruptions import SMALLEST, CorruptImage
from ..ood import detection_measures
from .boxes import Detections, GroundTruth
from .calibration import D_ECE_TAU, LAECE_TAU
from .coco_ap import ap_measures
from .data import FolderDetectionImages, contents, ground_truth, shortest_side, transformed
from .inference import Predictor
from .matching import AP_IOUS, match
from .measures import DetectionMeasures, measure_detections
from .post_hoc import PostHoc, post_hoc
from .settings import CLEAN, DetectionSettings


@dataclass
class DetectionResults:
    """What was measured.

    Attributes:
        measures: For ``report.json``; NaN where there was nothing to measure.
        clean: Of the images as they are.
        post_hoc: Each way of calibrating after training, if that was measured.
        scores: For OOD the highest score in every image, by set.
    """

    measures: dict[str, Any]
    clean: DetectionMeasures
    post_hoc: list[PostHoc] = field(default_factory=list)
    scores: dict[str, np.ndarray] = field(default_factory=dict)


class DetectorEvaluation:
    """Measures a detector on a set.

    Args:
        predictor: Runs it.
        dataset: The test set, built.
        settings: What to measure.
        fit_set: A set to fit calibration to; None takes the halves of the test set in turn.

    Raises:
        FileNotFoundError: A folder of images from outside does not exist.
        ValueError: Such a folder has no image or one that cannot be read, the test set has none, or its
            images cannot be corrupted.
    """

    def __init__(
        self, predictor: Predictor, dataset: Any, settings: DetectionSettings, fit_set: Any | None = None
    ) -> None:
        self.predictor, self.dataset, self.settings, self.fit_set = predictor, dataset, settings, fit_set
        self.truth, self.image_of = ground_truth(dataset)
        self.fit_truth = ground_truth(fit_set) if fit_set is not None else None
        self.contents = contents(dataset)
        self.folders = {name: FolderDetectionImages(path, dataset) for name, path in settings.ood.items()}
        self.corrupted = []
        if 'corruptions' in settings.measures:
            self.corrupted = list(itertools.product(settings.corruptions, settings.severities))
            self._try_corruption(*self.corrupted[0])

    def _try_corruption(self, name: str, severity: int) -> None:
        """Raises in time, where an image is too small or the pipeline unfit."""
        dataset = transformed(self.dataset, CorruptImage(name, severity, self.settings.seed))
        chosen = self._chosen().tolist()
        small = (index for index in chosen if shortest_side(self.dataset.get_data_info(index)) < SMALLEST)
        for index in (chosen[0], *small):
            dataset[index]

    @property
    def steps(self) -> int:
        """How many steps of progress :meth:`run` reports."""
        fitting = self.fit_set is not None and 'post_hoc' in self.settings.measures
        return 2 + fitting + len(self.folders) + len(self.corrupted)

    def run(self, progress: Progress) -> DetectionResults:
        """Measure everything.

        Args:
            progress: Shows the steps.

        Raises:
            ValueError: What the detector gives cannot be measured.
        """
        wanted = self.settings.measures
        progress.start('test images')
        found = self._placed(self.predictor('test', self.dataset, self.contents, progress), self.image_of)
        progress.finish(f'{len(found)} detections')
        progress.start('AP and calibration')
        clean = measure_detections(self.truth, found, progress.update)
        progress.finish(f'mAP {clean.values["ap"]["mAP"]:.3f}, D-ECE {clean.values["d_ece"]:.3f}')
        values = dict(clean.values)
        if 'ap' not in wanted:
            del values['ap']
        if 'calibration' not in wanted:
            values = {name: value for name, value in values.items() if name == 'ap'}
        results = DetectionResults(values, clean)
        if 'post_hoc' in wanted:
            results.post_hoc = self._post_hoc(clean, progress)
            values['post_hoc'] = {
                r.method: {'d_ece': r.precision.ece if r.precision else float('nan'), 'laece': r.iou.value}
                for r in results.post_hoc
            }
        if 'ood' in wanted:
            values['ood'] = self._ood(found, results.scores, progress)
        if 'corruptions' in wanted:
            values |= self._robustness(found, progress)
        return results

    def _placed(self, found: Detections, image_of: np.ndarray) -> Detections:
        return Detections(image_of[found.images], found.labels, found.boxes, found.scores)

    def _post_hoc(self, clean: DetectionMeasures, progress: Progress) -> list[PostHoc]:
        if self.fit_truth is None:
            return post_hoc(self.truth, clean.matches)
        progress.start('images to fit calibration to')
        truth, image_of = self.fit_truth
        found = self._placed(self.predictor('fit', self.fit_set, contents(self.fit_set), progress), image_of)
        progress.finish(f'{len(found)} detections')
        return post_hoc(self.truth, clean.matches, match(truth, found, (LAECE_TAU, D_ECE_TAU), ('all',)))

    def _ood(self, found: Detections, scores: dict[str, np.ndarray], progress: Progress) -> dict[str, dict]:
        measures = {CLEAN: self._confident(found, len(self.dataset))}
        scores[CLEAN] = _highest(found, len(self.dataset))
        for name, images in self.folders.items():
            progress.start(f'OOD, {name}')
            outside = self.predictor(f'ood_{name}', images, contents(images), progress)
            measures[name] = self._confident(outside, len(images))
            scores[name] = _highest(outside, len(images))
            measures[name] |= detection_measures(scores[CLEAN], scores[name])
            progress.finish(f'{measures[name]["images_with"]:.1%} of images with a confident detection')
        return measures

    def _confident(self, found: Detections, images: int) -> dict[str, float]:
        confident = found.scores >= self.settings.score_thr
        return {
            'images': images,
            'score_thr': self.settings.score_thr,
            'images_with': len(np.unique(found.images[confident])) / images,
            'per_image': float(confident.sum() / images),
            'share': float(confident.mean()) if len(found) else 0.0,
        }

    def _robustness(self, found: Detections, progress: Progress) -> dict[str, Any]:
        chosen = self._chosen()
        images = np.zeros(len(self.truth.image_ids), bool)
        images[self.image_of[chosen]] = True
        truth = _only(self.truth, images)
        clean = self._ap(truth, found.subset(images[found.images]))
        table: dict[str, dict] = {name: {} for name in self.settings.corruptions}
        for name, severity in self.corrupted:
            progress.start(f'{name}, severity {severity}')
            dataset = transformed(self.dataset, CorruptImage(name, severity, self.settings.seed))
            outcome = self.predictor(
                f'{name}_{severity}',
                Subset(dataset, chosen.tolist()),
                [self.contents[index] for index in chosen],
                progress,
                [self.settings.seed],
            )
            table[name][severity] = self._ap(truth, self._placed(outcome, self.image_of[chosen]))
            progress.finish(f'mAP {table[name][severity]["mAP"]:.3f} (clean {clean["mAP"]:.3f})')
        values: dict[str, Any] = {}
        for suffix, key in (('', 'mAP'), ('_50', 'mAP_50')):
            mean = float(np.mean([np.mean([ap[key] for ap in row.values()]) for row in table.values()]))
            values[f'mpc{suffix}'] = mean
            values[f'rpc{suffix}'] = mean / clean[key] if clean[key] > 0 else float('nan')
        values['corruptions'] = {
            'images': len(chosen),
            'clean': clean,
            'types': {n: {str(s): ap for s, ap in row.items()} for n, row in table.items()},
        }
        return values

    def _chosen(self) -> np.ndarray:
        """The items that are corrupted."""
        return np.array(evenly_spaced(range(len(self.dataset)), self.settings.corrupted_images))

    def _ap(self, truth: GroundTruth, found: Detections) -> dict[str, float]:
        values = ap_measures(match(truth, found, AP_IOUS, ('all',)), truth.names, truth.frequencies)
        return {key: values[key] for key in ('mAP', 'mAP_50')}


def _only(truth: GroundTruth, images: np.ndarray) -> GroundTruth:
    """The objects of some images, ``(N,)`` bool; the others stay as images without objects."""
    kept = images[truth.images]
    columns = ('images', 'labels', 'boxes', 'areas', 'crowd')
    return replace(truth, **{name: getattr(truth, name)[kept] for name in columns})


def _highest(found: Detections, images: int) -> np.ndarray:
    """The highest score in each image, 0 where nothing was found."""
    scores = np.zeros(images)
    np.maximum.at(scores, found.images, found.scores)
    return scores
