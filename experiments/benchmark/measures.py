"""``tools/benchmark.py measures``: how long the measures of a detector take, its inference left out."""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from mmdet_multimix.evaluation.detection import measure_files
from mmdet_multimix.evaluation.detection.boxes import coco_ground_truth, read_json
from mmdet_multimix.evaluation.detection.post_hoc import post_hoc
from mmdet_multimix.utils.arguments import at_least
from mmdet_multimix.utils.files import write_text
from mmdet_multimix.utils.progress import Progress

from .measure import machine

CLASSES = 80
OBJECTS = 7  # of an image, as in COCO
SIZE = (640, 480)  # pixels
FOUND = 0.7  # of the objects


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this subcommand."""
    parser.add_argument('--images', type=at_least(1), default=5000)
    parser.add_argument('--detections', type=at_least(1), default=100, help='of an image')
    parser.add_argument('--seed', type=at_least(0), default=0)
    parser.add_argument('--out', type=Path, default=Path('benchmarks'), help='folder for the JSON')


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, print and save.

    Everything runs on one core. Seconds are the processor's, so that other work on the machine does not
    count.
    """
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        annotations, results = write_scene(Path(folder), args.images, args.detections, args.seed)
        with Progress(2) as progress:
            progress.start('AP, D-ECE, LaECE_0 and LRP')
            start = time.process_time()
            measured = measure_files(annotations, results, progress.update)
            seconds['measures'] = time.process_time() - start
            progress.finish(f'{seconds["measures"]:.1f} s of one core, files read included')
            truth = coco_ground_truth(read_json(annotations))
            progress.start('calibration after training')
            start = time.process_time()
            post_hoc(truth, measured.matches)
            seconds['post_hoc'] = time.process_time() - start
            progress.finish(f'{seconds["post_hoc"]:.1f} s of one core')
    about = dict(images=args.images, detections=args.detections, classes=CLASSES)
    result = dict(machine=machine('cpu', args.seed), **about, seconds=seconds)
    print(f'together {sum(seconds.values()):.1f} s: {args.images} images, {args.detections} detections each')
    path = args.out / 'measures_cpu.json'
    write_text(path, json.dumps(result, indent=1) + '\n')
    print(f'wrote {path}')
    return result


def write_scene(folder: Path, images: int, detections: int, seed: int) -> tuple[Path, Path]:
    """Writes objects and detections as those of a detector of COCO, some near objects and the rest anywhere.

    Args:
        folder: Where to.
        images: How many.
        detections: Of an image.
        seed: Of everything.

    Returns:
        The files of annotations and of results.
    """
    rng = np.random.default_rng(seed)
    coco: dict[str, list] = {'images': [], 'annotations': []}
    coco['categories'] = [{'id': label, 'name': f'class {label}'} for label in range(CLASSES)]
    results = []
    for image in range(images):
        coco['images'].append({'id': image, 'width': SIZE[0], 'height': SIZE[1]})
        labels, boxes = rng.integers(0, CLASSES, OBJECTS), _boxes(rng, OBJECTS)
        for label, box in zip(labels.tolist(), boxes.tolist(), strict=True):
            annotation = {'image_id': image, 'category_id': label, 'bbox': box, 'area': box[2] * box[3]}
            coco['annotations'].append({'id': len(coco['annotations']) + 1, 'iscrowd': 0, **annotation})
        near = rng.integers(0, OBJECTS, detections)
        close = rng.random(detections) < FOUND * OBJECTS / detections
        moved = boxes[near] + rng.normal(0, 0.1, (detections, 4)) * boxes[near][:, [2, 3, 2, 3]]
        places = np.where(close[:, None], moved, _boxes(rng, detections))
        places[:, 2:] = places[:, 2:].clip(1)
        kinds = np.where(close, labels[near], rng.integers(0, CLASSES, detections))
        scores = np.where(close, rng.beta(4, 2, detections), rng.beta(1, 8, detections))
        columns = zip(kinds.tolist(), places.tolist(), scores.tolist(), strict=True)
        results += [dict(image_id=image, category_id=k, bbox=b, score=s) for k, b, s in columns]
    paths = folder / 'annotations.json', folder / 'results.json'
    for path, content in zip(paths, (coco, results), strict=True):
        path.write_text(json.dumps(content))
    return paths


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    """Boxes ``(count, 4)``, corner and size in pixels."""
    sizes = rng.uniform(10, 200, (count, 2))
    return np.concatenate([rng.uniform(0, 1, (count, 2)) * (np.array(SIZE) - sizes), sizes], axis=1)
