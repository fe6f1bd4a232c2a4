"""The evaluation of a detector as ``tools/evaluate.py`` runs it."""

from __future__ import annotations

import hashlib
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config

from ...utils.files import check_folder
from ...utils.progress import Progress
from ...utils.provenance import code_of, git_commit, versions
from ..corruptions import CORRUPTIONS, SEVERITIES
from .data import ground_truth
from .inference import Predictor, load_detector
from .report import markdown, write_detection_report
from .settings import MEASURES, DetectionSettings
from .suite import DetectorEvaluation

FIT_ON = ('auto', 'half', 'val')


def evaluate_detector(args: Namespace, cfg: Config, folders: dict[str, Path], device: str) -> None:
    """Measure the detector of a config that was checked, and write the report.

    Args:
        args: The command line's.
        cfg: Config.
        folders: Images without any known class, by name.
        device: Where it runs.

    Raises:
        OSError, ValueError: Before anything long, whatever does not fit together.
    """
    settings = DetectionSettings(
        tuple(dict.fromkeys(args.measures or MEASURES)),
        folders,
        tuple(dict.fromkeys(args.corruptions or CORRUPTIONS)),
        tuple(dict.fromkeys(args.severities or SEVERITIES)),
        args.corrupted_images,
        args.score_thr,
        args.seed,
    )
    out = Path(args.out or Path(cfg.work_dir, 'evaluation'))
    check_folder('--out', out)
    model, trained = load_detector(cfg, args.checkpoint, device, args.weights)
    dataset = _build(cfg.test_dataloader)
    classes = tuple(dataset.metainfo.get('classes') or ())
    _check_order(classes, trained.pop('classes'))
    fit_set = _fit_set(cfg, dataset, args.fit_on) if 'post_hoc' in settings.measures else None
    weights = hashlib.sha256(Path(args.checkpoint).read_bytes()).hexdigest()
    identity = [
        weights,
        trained['weights'],
        *(str(cfg.get(key)) for key in ('model', 'test_dataloader', 'val_dataloader')),
        *code_of(cfg, model),
    ]
    predictor = Predictor(model, cfg.test_dataloader, out / 'predictions', identity, len(classes))
    evaluation = DetectorEvaluation(predictor, dataset, settings, fit_set)
    facts: dict[str, Any] = {
        'config': args.config,
        'checkpoint': str(args.checkpoint),
        **trained,
        'images': len(dataset),
        'classes': len(classes),
        'objects': evaluation.truth.num_objects,
        'calibration fitted on': None,
        'seed': args.seed,
        'device': device,
        'versions': versions(),
        'commit': git_commit(),
    }
    if 'post_hoc' in settings.measures:
        facts['calibration fitted on'] = 'the other half of the images'
        if fit_set is not None:
            facts['calibration fitted on'] = f'the {len(fit_set)} images of val_dataloader'
    _announce(evaluation, out, facts)
    start = time.perf_counter()
    with Progress(evaluation.steps) as progress:
        results = evaluation.run(progress)
    facts['seconds'] = round(time.perf_counter() - start, 1)
    files = write_detection_report(out, results, facts)
    print('\n' + markdown(results.measures, facts, []))
    print('\n'.join(str(path) for path in files))


def _build(loader: dict) -> Any:
    dataset = DATASETS.build(loader['dataset'])
    if hasattr(dataset, 'full_init'):
        dataset.full_init()
    if not len(dataset):
        raise ValueError('test_dataloader.dataset has no images')
    return dataset


def _check_order(classes: tuple[str, ...], trained: Any) -> None:
    """Labels that mean another class than in training make every figure wrong, in silence."""
    trained = tuple(trained or ())
    if set(trained) == set(classes) and trained != classes:
        raise ValueError(
            f'the test set has the classes of the training set in another order, {classes[:5]} instead of '
            f'{trained[:5]}: give test_dataloader.dataset.metainfo those of the training set'
        )


def _fit_set(cfg: Config, dataset: Any, fit_on: str) -> Any | None:
    """The validation set, if none of its images is tested; otherwise None, halves of the test set."""
    if fit_on not in FIT_ON:
        raise ValueError(f'--fit-on must be one of {", ".join(FIT_ON)}, got {fit_on!r}')
    if fit_on == 'half' or not cfg.get('val_dataloader'):
        if fit_on == 'val':
            raise ValueError('--fit-on val: the config has no val_dataloader')
        return None
    found = _build(cfg.val_dataloader)
    tested = {_path_of(dataset, index) for index in range(len(dataset))}
    shared = sum(_path_of(found, index) in tested for index in range(len(found)))
    if shared and fit_on == 'val':
        raise ValueError(f'--fit-on val: {shared} images of val_dataloader are in test_dataloader, too')
    if shared:
        return None
    if ground_truth(found)[0].names != ground_truth(dataset)[0].names:
        raise ValueError('val_dataloader and test_dataloader have other classes; give --fit-on half')
    return found


def _path_of(dataset: Any, index: int) -> str:
    info = dataset.get_data_info(index)
    return str(info.get('img_path', info.get('img_id')))


def _announce(evaluation: DetectorEvaluation, out: Path, facts: dict[str, Any]) -> None:
    settings = evaluation.settings
    print(f'{facts["checkpoint"]}: a detector, {facts["weights"]} weights, on {facts["device"]}')
    print(f'{facts["images"]} images, {facts["objects"]} objects of {facts["classes"]} classes')
    print(f'measures: {", ".join(settings.measures)}')
    if facts['calibration fitted on']:
        print(f'calibration after training is fitted on {facts["calibration fitted on"]}')
    for name, images in evaluation.folders.items():
        print(f'without any known class: {name}, {len(images)} images')
    if evaluation.corrupted:
        count = min(settings.corrupted_images or facts['images'], facts['images'])
        print(
            f'corruptions: {len(evaluation.corrupted)} x {count} images; --corruptions, --severities and '
            '--corrupted-images make it fewer'
        )
    print(f'report: {out}; the same command goes on where this one is stopped', flush=True)
