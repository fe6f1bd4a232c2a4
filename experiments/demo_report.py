"""The report of the demo: `report.json`, `report.md` and the pictures beside them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner, find_latest_checkpoint
from torchvision.ops import box_convert, nms

from mmdet_multimix.checkpoints import read_checkpoint, state_dict_of
from mmdet_multimix.utils.files import write_text
from mmdet_multimix.utils.provenance import versions
from mmdet_multimix.visualization import plot_detections, plot_embeddings

from .experiment_file import many
from .plots import plot_curves, plot_dots
from .results import markdown_table, shown, summarise, unfinished
from .scalars import read_scalars

NAMES = {
    'none': 'from scratch',
    'ce': 'cross-entropy',
    'multimix': 'MultiMix',
    'dense_multimix': 'Dense MultiMix',
}
# (pretraining, MultiMix on RoI embeddings): a detector each, in the order of the report.
ROWS = (('none', False), ('ce', False), ('multimix', False), ('dense_multimix', True))
PICTURES = ('map', 'curves', 'detections', 'embeddings')
PREDICTIONS = 'predictions.bbox.json'  # what CocoMetric writes with `outfile_prefix=FOLDER/predictions`
SHOWN = 5  # images in the picture of detections
MIN_SCORE = 0.3  # of a detection that is drawn
_SMOOTHED = 5  # logged losses in a running mean, so that curves of single mini-batches can be told apart


@dataclass(frozen=True)
class Demo:
    """What the demo trains: seeds 0, 1, ..., and images of the detection set."""

    seeds: int = 1
    train_images: int = 50
    val_images: int = 200

    def classifiers(self, pretraining: str) -> list[str]:
        """Names of the runs that pretrain a backbone, one for each seed; none from scratch."""
        return [f'seed{seed}/pretrain_{pretraining}' for seed in range(self.seeds) if pretraining != 'none']

    def detectors(self, pretraining: str, roi_multimix: bool) -> list[str]:
        """Names of the runs that train a detector, one for each seed."""
        suffix = '_roi_multimix' if roi_multimix else ''
        return [f'seed{seed}/detect_{pretraining}{suffix}' for seed in range(self.seeds)]


def title_of(pretraining: str, roi_multimix: bool) -> str:
    """What pictures call a detector."""
    return NAMES[pretraining] + (' + RoI MultiMix' if roi_multimix else '')


def write_report(
    root: Path, demo: Demo, results: dict[str, dict], failures: dict[str, str], *, draw: bool = True
) -> str:
    """Writes `report.json`, `report.md` and the pictures into the work dir; see `results.py`.

    The pictures are `map.png` and, of the first seed, `curves.png`, `detections.png` and `embeddings.png`.
    They are drawn from the folders of the runs: logs and `PREDICTIONS` of the detectors, last checkpoints of
    the classifiers. The detection set is in `root / 'data'`.
    """
    rows = [row for place in ROWS if (row := _row(demo, *place, results))]
    report = {'rows': rows, 'seeds': list(range(demo.seeds))}
    report |= {'train_images': demo.train_images, 'val_images': demo.val_images, 'versions': versions()}
    names = [run for place in ROWS for run in (*demo.classifiers(place[0]), *demo.detectors(*place))]
    text = _markdown(demo, rows) + unfinished(names, results, failures)
    write_text(root / 'report.json', json.dumps(report, indent=2) + '\n')
    write_text(root / 'report.md', text)
    if draw and rows:
        _draw(root, demo, rows, results)
    return text


def _row(demo: Demo, pretraining: str, roi_multimix: bool, results: dict[str, dict]) -> dict[str, Any] | None:
    """Means over the finished seeds."""
    runs = pd.DataFrame([results[n] for n in demo.detectors(pretraining, roi_multimix) if n in results])
    top1 = summarise(results[name]['top1'] for name in demo.classifiers(pretraining) if name in results)
    if runs.empty:
        return None
    found = summarise(runs['coco/bbox_mAP'])
    return {
        'pretraining': pretraining,
        'roi_multimix': roi_multimix,
        'top1': top1 and top1['mean'],
        'bbox_mAP': found['mean'],
        'bbox_mAP_50': runs['coco/bbox_mAP_50'].mean(),
        'seconds': runs['seconds'].mean(),
        'bbox_mAP_seeds': found['values'],
        'bbox_mAP_std': found['std'],
    }


def _markdown(demo: Demo, rows: list[dict[str, Any]]) -> str:
    table = [
        {
            'pretraining': NAMES[row['pretraining']],
            'RoI MultiMix': 'yes' if row['roi_multimix'] else 'no',
            'top-1 %': '' if row['top1'] is None else f'{row["top1"]:.1f}',
            'bbox mAP': shown({'mean': row['bbox_mAP'], 'std': row['bbox_mAP_std']}),
            'mAP 50': f'{row["bbox_mAP_50"]:.3f}',
            'detector training, s': f'{row["seconds"]:.0f}',
        }
        for row in rows
    ]
    parts = [f'# Digit detection from {demo.train_images} training images, {many(demo.seeds, "seed")}']
    parts.append(markdown_table(table) if table else 'No detector is done yet.')
    parts += [f'![{name}]({name}.png)' for name in PICTURES if table]
    return '\n\n'.join(parts) + '\n'


def _draw(root: Path, demo: Demo, rows: list[dict[str, Any]], results: dict[str, dict]) -> None:
    places = {(row['pretraining'], row['roi_multimix']): row for row in rows}
    values = {title_of(*place): row['bbox_mAP_seeds'] for place, row in places.items()}
    title = f'Digit detection from {demo.train_images} images, by pretraining of the backbone'
    plot_dots(root / 'map.png', list(values), {'bbox mAP (IoU 0.50:0.95)': {'': values}}, title=title)
    first = {title_of(*place): demo.detectors(*place)[0] for place in places}
    folders = {title: root / name for title, name in first.items() if name in results}
    if folders:
        _draw_curves(root / 'curves.png', folders)
        _draw_detections(root / 'detections.png', folders, root / 'data')
    trained = {NAMES[key]: name for key in NAMES for name in demo.classifiers(key)[:1] if name in results}
    found = {title: embed(root / name) for title, name in trained.items()}
    if found:
        plot_embeddings(
            root / 'embeddings.png',
            {title: features for title, (features, _) in found.items()},
            next(labels for _, labels in found.values()),
            [str(digit) for digit in range(10)],
            title='Embeddings of validation digits after pretraining (t-SNE, seed 0)',
        )


def _draw_curves(path: Path, folders: dict[str, Path]) -> None:
    losses, maps = {}, {}
    for title, folder in folders.items():
        # The plain loss alone: the others add a term, so that totals could not be compared.
        loss = pd.Series(dict(read_scalars(folder, 'loss_cls')), dtype=float)
        losses[title] = list(loss.rolling(_SMOOTHED, min_periods=1).mean().items())
        maps[title] = read_scalars(folder, 'coco/bbox_mAP')
    panels = [('iteration', 'RoI classification loss (clean), running mean', losses)]
    panels += [('iteration', 'validation bbox mAP', maps)]
    plot_curves(path, panels, title='Training of the detectors (seed 0)')


def _draw_detections(path: Path, folders: dict[str, Path], data: Path) -> None:
    coco = json.loads((data / 'annotations' / 'val.json').read_text())
    images, categories = coco['images'][:SHOWN], [entry['id'] for entry in coco['categories']]
    found = {'ground truth': coco['annotations']}
    found |= {
        title.replace(' + ', '\n+ '): json.loads((folder / PREDICTIONS).read_text())
        for title, folder in folders.items()
    }
    columns = {
        title: [drawn([e for e in entries if e['image_id'] == image['id']], categories) for image in images]
        for title, entries in found.items()
    }
    plot_detections(
        path,
        [data / 'val' / image['file_name'] for image in images],
        columns,
        [entry['name'] for entry in coco['categories']],
        title=f'Detections, score above {MIN_SCORE} (seed 0)',
    )


def drawn(
    entries: list[dict[str, Any]], categories: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What is drawn of the COCO annotations or results of one image.

    Of results only the most confident one at each place, where the evaluation takes several classes.

    Args:
        entries: With `bbox` as x, y, width, height in pixels, `category_id` and, of results, `score`.
        categories: Ids in the order of the labels.

    Returns:
        Boxes `(k, 4)` as x1, y1, x2, y2, labels `(k,)`, and scores `(k,)`, None for annotations.
    """
    boxes = torch.tensor([entry['bbox'] for entry in entries], dtype=torch.float).reshape(-1, 4)
    boxes = box_convert(boxes, 'xywh', 'xyxy')
    labels = torch.tensor([categories.index(entry['category_id']) for entry in entries], dtype=torch.long)
    if entries and 'score' not in entries[0]:
        return boxes.numpy(), labels.numpy(), None
    scores = torch.tensor([entry['score'] for entry in entries], dtype=torch.float)
    keep = nms(boxes, scores, 0.5)
    keep = keep[scores[keep] > MIN_SCORE]
    return boxes[keep].numpy(), labels[keep].numpy(), scores[keep].numpy()


@torch.no_grad()
def embed(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features `(N, d)` of a classifier's validation images, and their labels `(N,)`.

    Args:
        folder: Work dir of its training, with the config and the last checkpoint.
    """
    cfg = Config.fromfile(next(folder.glob('*.py')))
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    model.load_state_dict(state_dict_of(read_checkpoint(find_latest_checkpoint(str(folder)))))
    model.eval()
    features, labels = [], []
    for batch in Runner.build_dataloader(cfg.val_dataloader):
        inputs = model.data_preprocessor(batch)['inputs']
        features.append(model.extract_feat(inputs).mean(dim=(2, 3)))
        labels.append(batch['gt_label'])
    return torch.cat(features).numpy(), torch.cat(labels).numpy()
