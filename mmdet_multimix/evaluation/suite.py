"""Measures a classifier on a test set, the slow measures last."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from ..utils.names import check_num_classes, check_same_classes
from ..utils.progress import show_progress
from ..utils.spacing import evenly_spaced
from .attacks import fgsm, pgd
from .calibration import Reliability, reliability
from .corruptions import corrupt
from .embedding import geometry
from .ood import detection_measures
from .ood_images import NOISES, FolderImages, noise_batches
from .pixel_classifier import PixelClassifier
from .ranks import check_scores, confidence, label_ranks, negative_log_likelihood, topk_accuracy
from .settings import Settings
from .temperature import cross_fitted_confidence

_TOPK = (1, 5)


@dataclass
class Results:
    """What was measured.

    Attributes:
        measures: For each measure its values by name; NaN where there was nothing to measure.
        reliability: Bins of the confidence, if calibration was measured.
        scores: For OOD detection the score of every image by the name of its set; ``''`` is the test set.
        features: Pooled features ``(N, d)``, if embeddings were measured.
        labels: ``(N,)``.
    """

    measures: dict[str, dict] = field(default_factory=dict)
    reliability: Reliability | None = None
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    features: np.ndarray | None = None
    labels: np.ndarray | None = None


class _Corrupted:
    """Corrupts batches as an attack does; images are told apart by their places in the whole set."""

    def __init__(self, name: str, severity: int, seed: int, places: Sequence[int]) -> None:
        self.name, self.severity, self.seed, self.places = name, severity, seed, iter(places)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        pixels = (255 * images).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        changed = [corrupt(image, self.name, self.severity, self.seed, next(self.places)) for image in pixels]
        return torch.from_numpy(np.stack(changed)).to(images.device).permute(0, 3, 1, 2).float() / 255


@dataclass
class _Predictions:
    """Of all images: rank of the label, its negative log-likelihood, confidence, label, ``(N,)`` each.

    With features ``(N, d)`` and logits ``(N, c)`` where they are wanted.
    """

    ranks: Tensor
    nll: Tensor
    confidence: Tensor
    labels: Tensor
    features: Tensor | None
    logits: Tensor | None = None


def _count(loader: DataLoader) -> int:
    dataset: BaseDataset = loader.dataset  # torch's own has no length
    return len(dataset)


class Evaluation:
    """Measures a classifier on labelled images.

    Of each image it keeps a few numbers and, where they are wanted, the features and the logits.

    Args:
        classifier: The classifier.
        loader: Gives ``inputs``, uint8 ``(b, 3, h, w)`` of one size, and ``gt_label``.
        settings: What to measure.

    Raises:
        FileNotFoundError: A folder of images from outside the distribution does not exist.
        ValueError: Such a folder has no images or one that cannot be read; the set has none, its classes are
            not those of the model, or its images are too small to be corrupted.
    """

    def __init__(self, classifier: PixelClassifier, loader: DataLoader, settings: Settings) -> None:
        self.classifier = classifier
        self.loader = loader
        self.settings = settings
        dataset: BaseDataset = loader.dataset
        if not len(dataset):
            raise ValueError('test_dataloader has no images')
        classes = dataset.metainfo['classes']
        num_classes = classifier.model.head.num_classes
        check_num_classes(num_classes, 'model.head.num_classes', classes, 'the test set')
        if classifier.classes:
            check_same_classes(classifier.classes, 'training', classes, 'the test set')
        self.size = tuple(loader.dataset[0]['inputs'].shape[1:])
        self.folders = {name: FolderImages(path, self.size) for name, path in settings.ood.items()}
        for name, severity in self._corruptions()[:1]:
            corrupt(np.zeros((*self.size, 3), np.uint8), name, severity, settings.seed, 0)  # raises in time

    @property
    def steps(self) -> int:
        """The number of steps that :meth:`run` shows."""
        wanted = set(self.settings.measures)
        outside = len(NOISES) + len(self.folders) if 'ood' in wanted else 0
        return 1 + outside + len(wanted & {'embedding', 'fgsm', 'pgd'}) + len(self._corruptions())

    def run(self) -> Results:
        """Measure everything, and show the progress on standard output.

        Raises:
            ValueError: Logits that are not finite, images that are not uint8 or not of one size.
        """
        self._step = 0
        wanted, results = self.settings.measures, Results()
        title = self._title('clean images')
        embedding, calibration = 'embedding' in wanted, 'calibration' in wanted
        clean = self._predict(self.loader, title, None, embedding, with_logits=calibration)
        accuracy = self._accuracy(clean)
        print(f'{title}: top-1 {accuracy["top1"]:.2f} %', flush=True)
        results.labels = clean.labels.cpu().numpy()
        if 'accuracy' in wanted:
            results.measures['accuracy'] = accuracy
        if 'calibration' in wanted:
            results.reliability = reliability(clean.confidence, clean.ranks == 0)
            scaled, temperature = cross_fitted_confidence(clean.logits, clean.labels)
            results.measures['calibration'] = {
                'ece': results.reliability.ece,
                'ece_temperature': reliability(scaled, clean.ranks == 0).ece,
                'temperature': temperature,
            }
            clean.logits = None
        if 'ood' in wanted:
            results.scores[''] = clean.confidence.cpu().numpy()
            results.measures['ood'] = self._detect(results.scores)
        if 'embedding' in wanted:
            results.measures['embedding'] = self._geometry(clean)
            results.features = clean.features.cpu().numpy()
        for name, attack in self._attacks().items():
            results.measures[name] = self._attacked(name, attack)
        if 'corruptions' in wanted:
            results.measures['corruptions'] = self._corrupted()
        return results

    def _title(self, name: str) -> str:
        """Count the step that begins."""
        self._step += 1
        return f'[{self._step}/{self.steps}] {name}'

    def _predict(
        self,
        loader: DataLoader,
        title: str,
        attack: Callable[[Tensor, Tensor], Tensor] | None = None,
        with_features: bool = False,
        with_logits: bool = False,
    ) -> _Predictions:
        kept = []
        for images, labels in show_progress(self._batches(loader), title, len(loader)):
            if attack is not None:
                images = attack(images, labels)
            with torch.no_grad():
                features, logits = self.classifier.embed(images)
            check_scores(logits, labels)
            nll = negative_log_likelihood(logits.log_softmax(dim=1), labels)
            ranks, confidences = label_ranks(logits, labels), confidence(logits)
            features = features if with_features else features[:, :0]
            logits = logits if with_logits else logits[:, :0]
            kept.append((ranks, nll, confidences, labels, features, logits))
        ranks, nll, confidences, labels, features, logits = map(torch.cat, zip(*kept, strict=True))
        return _Predictions(
            ranks,
            nll,
            confidences,
            labels,
            features if with_features else None,
            logits if with_logits else None,
        )

    def _batches(self, loader: DataLoader) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.classifier.device
        for batch in loader:
            inputs = batch['inputs']
            if isinstance(inputs, (list, tuple)):
                if len({image.shape for image in inputs}) > 1:
                    raise ValueError(
                        'test_dataloader gives images of several sizes; add a Resize to its transforms'
                    )
                inputs = torch.stack(list(inputs))
            if inputs.dtype != torch.uint8:
                raise ValueError(
                    f'test_dataloader gives images of type {inputs.dtype}, not uint8: normalise in the '
                    "model's data_preprocessor"
                )
            labels = torch.as_tensor(batch['gt_label'], device=device)
            yield inputs.to(device, non_blocking=True).float() / 255, labels

    def _accuracy(self, predictions: _Predictions) -> dict[str, float]:
        topk = [k for k in _TOPK if k <= self.classifier.model.head.num_classes]
        return {**topk_accuracy(predictions.ranks, topk), 'nll': predictions.nll.double().mean().item()}

    def _detect(self, scores: dict[str, np.ndarray]) -> dict[str, dict]:
        measures, count, batch_size = {}, _count(self.loader), self.loader.batch_size or 1
        for name in (*NOISES, *self.folders):
            title = self._title(f'OOD detection, {name}')
            if name in NOISES:
                total = count
                batches = noise_batches(name, count, self.size, batch_size, self.settings.seed)
            else:
                total = len(self.folders[name])
                batches = self.folders[name].batches(batch_size, self.loader.num_workers)
            scores[name] = self._scores(show_progress(batches, title, math.ceil(total / batch_size)))
            measures[name] = {'images': total, **detection_measures(scores[''], scores[name])}
            print(f'{title}: AUROC {measures[name]["auroc"]:.2f} %', flush=True)
        return measures

    @torch.no_grad()
    def _scores(self, batches: Iterable[Tensor]) -> np.ndarray:
        scores = [confidence(self.classifier(images.to(self.classifier.device))) for images in batches]
        return torch.cat(scores).cpu().numpy()

    def _geometry(self, clean: _Predictions) -> dict[str, float]:
        title = self._title('embedding')
        print(f'{title} ...', flush=True)
        measures = geometry(clean.features, clean.labels)
        shown = (f'{name} {measures[name]:.3f}' for name in ('alignment', 'uniformity'))
        print(f'{title}: {", ".join(shown)}', flush=True)
        return measures

    def _attacks(self) -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
        s, model = self.settings, self.classifier
        generator = torch.Generator(model.device).manual_seed(s.seed)
        attacks = {
            'fgsm': lambda x, y: fgsm(model, x, y, s.fgsm_eps),
            'pgd': lambda x, y: pgd(model, x, y, s.pgd_eps, s.pgd_step, s.pgd_steps, generator),
        }
        return {name: attack for name, attack in attacks.items() if name in s.measures}

    def _attacked(self, name: str, attack: Callable[[Tensor, Tensor], Tensor]) -> dict:
        s, title = self.settings, self._title(name.upper())
        strength = {'eps': s.fgsm_eps}
        if name == 'pgd':
            strength = {'eps': s.pgd_eps, 'step': s.pgd_step, 'steps': s.pgd_steps}
        loader = self._some(self.settings.attack_images)
        accuracy = self._accuracy(self._predict(loader, title, attack))
        print(f'{title}: top-1 {accuracy["top1"]:.2f} %', flush=True)
        return {'images': _count(loader), **strength, **accuracy}

    def _corruptions(self) -> list[tuple[str, int]]:
        s = self.settings
        return list(itertools.product(s.corruptions, s.severities)) if 'corruptions' in s.measures else []

    def _corrupted(self) -> dict:
        """Corruptions of the images as the model gets them, resized and cropped, as in ImageNet-C."""
        loader = self._some(self.settings.corrupted_images)
        places = self._places(self.settings.corrupted_images)
        types: dict[str, dict[str, float]] = {name: {} for name in self.settings.corruptions}
        for name, severity in self._corruptions():
            title = self._title(f'{name}, severity {severity}')
            corrupted = _Corrupted(name, severity, self.settings.seed, places)
            top1 = self._accuracy(self._predict(loader, title, corrupted))['top1']
            types[name][str(severity)] = top1
            print(f'{title}: top-1 {top1:.2f} %', flush=True)
        mean = float(np.mean([np.mean(list(row.values())) for row in types.values()]))
        return {'images': _count(loader), 'top1': mean, 'types': types}

    def _some(self, count: int | None) -> DataLoader:
        loader, places = self.loader, self._places(count)
        if len(places) == _count(loader):
            return loader
        return DataLoader(
            Subset(loader.dataset, places),
            loader.batch_size,
            num_workers=loader.num_workers,
            collate_fn=loader.collate_fn,
        )

    def _places(self, count: int | None) -> Sequence[int]:
        return evenly_spaced(range(_count(self.loader)), count)
