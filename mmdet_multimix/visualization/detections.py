"""Detections beside the ground truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from mmdet.structures import DetDataSample
from mmdet.visualization import DetLocalVisualizer
from mmengine.structures import InstanceData
from PIL import Image

from .plots import save_figure

_SIDE = 200  # pixels; small images are enlarged, so that what is written on them can be read


def plot_detections(
    path: str | Path,
    images: Sequence[str | Path],
    columns: dict[str, Sequence[tuple[np.ndarray, np.ndarray, np.ndarray | None]]],
    classes: Sequence[str],
    *,
    title: str,
) -> None:
    """Draw a grid by mmdet's visualizer: a row for each image, a column for each detector.

    Args:
        path: Picture to write.
        images: Image files, one a row.
        columns: For each column its title and, for each image, boxes ``(k, 4)`` as x1, y1, x2, y2 in pixels,
            labels ``(k,)`` and scores ``(k,)``, or None for the ground truth.
        classes: Class names.
        title: Title.
    """
    visualizer = DetLocalVisualizer()
    visualizer.dataset_meta = {'classes': classes}
    figure = Figure(figsize=(2.3 * len(columns), 2.3 * len(images) + 0.8), layout='constrained')
    grid = figure.subplots(len(images), len(columns), squeeze=False)
    for row, image in enumerate(images):
        with Image.open(image) as file:
            scale = max(1, round(_SIDE / max(file.size)))
            pixels = np.asarray(file.convert('RGB')).repeat(scale, 0).repeat(scale, 1)
        for column, (name, results) in enumerate(columns.items()):
            boxes, labels, scores = results[row]
            instances = InstanceData(bboxes=scale * np.reshape(boxes, (-1, 4)), labels=labels)
            found = scores is not None
            if found:
                instances.scores = scores
            sample = DetDataSample(**{'pred_instances' if found else 'gt_instances': instances})
            visualizer.add_datasample('', pixels, sample, not found, found, pred_score_thr=0)
            axes = grid[row][column]
            axes.imshow(visualizer.get_image())
            axes.set_axis_off()
            if row == 0:
                axes.set_title(name, fontsize=10)
    figure.suptitle(title)
    save_figure(figure, path)
