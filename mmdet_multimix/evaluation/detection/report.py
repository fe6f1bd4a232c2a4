"""What the evaluation of a detector leaves: ``report.json``, ``report.md``, pictures and calibrators."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ...utils.names import shorten
from ...visualization import plot_reliability
from ...visualization.detection_scores import plot_corruptions, plot_highest_scores, plot_reliability_grid
from ..calibration import Reliability
from ..report_files import bins_as_rows, facts_as_list, write_report_files
from .boxes import FREQUENCIES
from .calibration import D_ECE_SCORE
from .settings import CLEAN
from .suite import DetectionResults

_PICTURES = ('reliability', 'reliability_iou', 'reliability_classes', 'post_hoc', 'corruptions', 'ood')
_SHOWN_CLASSES = 20
_AP = {'mAP': 'AP, IoU 0.50:0.95', 'mAP_50': 'AP 50', 'mAP_75': 'AP 75'}
_AP |= {f'mAP_{name[0]}': f'AP of {name} objects' for name in ('small', 'medium', 'large')}
_AP |= {f'mAP_{group}': f'AP of {name} classes' for group, name in FREQUENCIES.items()}
_ERRORS = {
    'd_ece': 'D-ECE (score ≥ 0.3, IoU 0.5)',
    'laece': 'LaECE_0, at LRP-optimal scores',
    'nll': 'NLL of the classes of found objects (IoU 0.5)',
    'lrp': 'LRP (τ = 0), at LRP-optimal scores',
    'lrp_localisation': '- of it localisation',
    'lrp_false_positives': '- of it false boxes',
    'lrp_false_negatives': '- of it missed objects',
    'olrp_50': 'oLRP (τ = 0.5)',
}
_METHODS = {'none': 'nothing', 'temperature': 'temperature scaling', 'isotonic': 'isotonic regression'}
_NOTHING = 'n/a: there is nothing to measure it on, no detection of such a score or no such object.'


def write_detection_report(
    folder: str | Path, results: DetectionResults, facts: dict[str, Any]
) -> list[Path]:
    """Write the report, its pictures and ``calibrators/METHOD_TARGET.json``.

    Args:
        folder: Where to, created where needed. Of an earlier report there, files of the same name are
            replaced, pictures and calibrators that this one does not have are removed.
        results: What was measured.
        facts: What it was measured on, for the head of the report.

    Returns:
        The files, the report first.
    """
    folder = Path(folder)
    (folder / 'calibrators').mkdir(parents=True, exist_ok=True)
    pictures = _draw(folder, results, Path(str(facts.get('config', ''))).stem)
    calibrators = {
        folder / 'calibrators' / f'{way.method}_{target}.json': calibrator
        for way in results.post_hoc
        for target, calibrator in way.calibrators.items()
    }
    for path in (folder / 'calibrators').glob('*.json'):
        if path not in calibrators:
            path.unlink()
    for path, calibrator in calibrators.items():
        calibrator.save(path)
    measures, clean = dict(results.measures), results.clean
    if 'd_ece' in measures:
        rows = {'precision': clean.reliability, 'iou': clean.localisation.pooled}
        measures['bins'] = {
            name: bins_as_rows(bins, 'detections', name) for name, bins in rows.items() if bins is not None
        }
    page = markdown(results.measures, facts, [path.name for path in pictures])
    return [*write_report_files(folder, {**facts, 'measures': measures}, page), *pictures, *calibrators]


def markdown(measures: dict[str, Any], facts: dict[str, Any], pictures: list[str]) -> str:
    """The report as a page.

    Args:
        measures: As in :class:`~mmdet_multimix.evaluation.detection.suite.DetectionResults`.
        facts: What they were measured on.
        pictures: File names.
    """
    lines = ['# Evaluation of a detector', '', *facts_as_list(facts)]
    lines += ['', '| measure | value |', '|---|---|']
    lines += [
        f'| {text} | {_number(measures["ap"][key])} |'
        for key, text in _AP.items()
        if key in measures.get('ap', {})
    ]
    lines += [f'| {text} | {_number(measures[key])} |' for key, text in _ERRORS.items() if key in measures]
    for key, text in (('mpc', 'mPC, mean AP under corruption'), ('rpc', 'rPC, its share of the clean AP')):
        if key in measures:
            lines.append(f'| {text} | {_number(measures[key])} |')
    if 'post_hoc' in measures:
        lines += ['', '| calibrated after training by | D-ECE | LaECE_0 |', '|---|---|---|']
        for method, row in measures['post_hoc'].items():
            lines.append(f'| {_METHODS[method]} | {_number(row["d_ece"])} | {_number(row["laece"])} |')
    lines += _classes(measures) + _corruptions(measures) + _ood(measures)
    if any('| n/a |' in line for line in lines):
        lines += ['', _NOTHING]
    for name in pictures:
        lines += ['', f'![{Path(name).stem}]({name})']
    return '\n'.join(lines) + '\n'


def _classes(measures: dict[str, Any]) -> list[str]:
    columns = {}
    if 'ap' in measures:
        of_class = measures['ap']['classes']
        if any('frequency' in row for row in of_class.values()):
            groups = [row.get('frequency', '') for row in of_class.values()]
            columns['frequency'] = [FREQUENCIES.get(group, group) for group in groups]
        columns |= {'objects': [row['objects'] for row in of_class.values()]}
        columns |= {'AP': [row['mAP'] for row in of_class.values()]}
        columns |= {'AP 50': [row['mAP_50'] for row in of_class.values()]}
    if 'classes' in measures:
        of_class = measures['classes']
        for key, name in (
            ('d_ece', 'D-ECE'),
            ('laece', 'LaECE_0'),
            ('lrp', 'LRP'),
            ('threshold', 'LRP-optimal score'),
        ):
            columns[name] = [row[key] for row in of_class.values()]
    if not columns:
        return []
    lines = ['', f'| class | {" | ".join(columns)} |', '|---' * (len(columns) + 1) + '|']
    for name, row in zip(of_class, zip(*columns.values(), strict=True), strict=True):
        lines.append(f'| {name} | {" | ".join(map(_number, row))} |')
    return lines


def _corruptions(measures: dict[str, Any]) -> list[str]:
    if 'corruptions' not in measures:
        return []
    found = measures['corruptions']
    severities = list(next(iter(found['types'].values())))
    lines = ['', f'AP of {found["images"]} corrupted images, {_number(found["clean"]["mAP"])} without:', '']
    lines += [f'| corruption | {" | ".join(f"severity {s}" for s in severities)} | mean |']
    lines += ['|---' * (len(severities) + 2) + '|']
    for name, row in found['types'].items():
        values = [row[s]['mAP'] for s in severities]
        lines.append(f'| {name} | {" | ".join(map(_number, [*values, float(np.mean(values))]))} |')
    return lines


def _ood(measures: dict[str, Any]) -> list[str]:
    if 'ood' not in measures:
        return []
    threshold = next(iter(measures['ood'].values()))['score_thr']
    lines = ['', f'Confident detections, of a score of {threshold:g} or more:', '']
    columns = ('images', 'number', 'with a confident detection', 'confident an image', 'of all', 'AUROC, %')
    lines += [f'| {" | ".join(columns)} |']
    lines += ['|---' * 6 + '|']
    for name, row in measures['ood'].items():
        auroc = f'{row["auroc"]:.2f}' if 'auroc' in row else ''
        cells = [name, row['images'], f'{row["images_with"]:.1%}', f'{row["per_image"]:.2f}']
        cells += [f'{row["share"]:.1%}', auroc]
        lines.append(f'| {" | ".join(map(str, cells))} |')
    return lines


def _number(value: float | str) -> str:
    if isinstance(value, (int, str)):
        return str(value)
    return 'n/a' if math.isnan(value) else f'{value:.4f}'


def _draw(folder: Path, results: DetectionResults, title: str) -> list[Path]:
    pictures = {name: folder / f'{name}.png' for name in _PICTURES}
    for path in pictures.values():
        path.unlink(missing_ok=True)
    values, clean = results.measures, results.clean
    for name, bins, outcome, error in (
        ('reliability', clean.reliability, 'precision', 'D-ECE {:.4f}'),
        ('reliability_iou', clean.localisation.pooled, 'IoU', 'LaECE_0 {:.4f} (mean of the classes)'),
    ):
        if 'd_ece' in values and bins is not None:
            value = values['d_ece' if outcome == 'precision' else 'laece']
            plot_reliability(
                pictures[name],
                *(x.numpy() for x in (bins.edges, bins.counts, bins.confidence, bins.accuracy)),
                title=f'{title}\n{error.format(value)}',
                outcome=outcome,
                unit='detections',
            )
    if 'd_ece' in values:
        _draw_classes(pictures['reliability_classes'], results, title)
    if results.post_hoc:
        panels = {
            'precision (D-ECE)': [(_METHODS[w.method], *_curve(w.precision)) for w in results.post_hoc],
            'IoU (LaECE_0)': [(_METHODS[w.method], *_curve(w.iou.pooled)) for w in results.post_hoc],
        }
        plot_reliability_grid(
            pictures['post_hoc'],
            panels,
            xlabel='mean score',
            ylabel='mean precision or IoU',
            title=f'{title}\ncalibrated after training',
        )
    if 'corruptions' in values:
        found = values['corruptions']
        plot_corruptions(
            pictures['corruptions'],
            {name: {int(s): ap['mAP'] for s, ap in row.items()} for name, row in found['types'].items()},
            found['clean']['mAP'],
            what='AP',
            title=f'{title}\nmPC {values["mpc"]:.3f}, rPC {values["rpc"]:.1%}',
        )
    outside = {name: scores for name, scores in results.scores.items() if name != CLEAN}
    if outside:
        captions = {name: f'{values["ood"][name]["images_with"]:.0%} of images confident' for name in outside}
        threshold = values['ood'][CLEAN]['score_thr']
        plot_highest_scores(pictures['ood'], results.scores[CLEAN], outside, captions, threshold, title=title)
    return [path for path in pictures.values() if path.exists()]


def _draw_classes(path: Path, results: DetectionResults, title: str) -> None:
    """The classes with most objects, twenty at most."""
    names, objects = list(results.clean.values['classes']), results.clean.matches.objects[0]
    chosen = sorted(np.argsort(-objects, kind='stable')[:_SHOWN_CLASSES].tolist())
    shown = {
        f'{names[label]}: D-ECE {bins.ece:.3f}': [('', *_curve(bins))]
        for label in chosen
        if (bins := results.clean.of_classes[label]) is not None
    }
    if shown:
        unsure = [names[label] for label in chosen if results.clean.of_classes[label] is None]
        some = '' if len(names) <= _SHOWN_CLASSES else f', the {_SHOWN_CLASSES} classes with most objects'
        none = f'\nwithout a score of {D_ECE_SCORE:g}: {shorten(unsure)}' if unsure else ''
        plot_reliability_grid(
            path, shown, xlabel='mean score', ylabel='precision', title=f'{title}, by class{some}{none}'
        )


def _curve(bins: Reliability | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if bins is None:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    filled = (bins.counts > 0).numpy()
    return tuple(x.numpy()[filled] for x in (bins.confidence, bins.accuracy, bins.counts))
