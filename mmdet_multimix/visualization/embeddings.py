"""Two-dimensional views of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from sklearn.manifold import TSNE

from .plots import save_figure


def plot_embeddings(
    path: str | Path,
    embeddings: dict[str, np.ndarray],
    labels: np.ndarray,
    classes: Sequence[str],
    *,
    title: str,
) -> None:
    """Draw the t-SNE of several embeddings of the same images, side by side, coloured by class.

    Args:
        path: Picture to write.
        embeddings: For each method its embeddings ``(b, d)``.
        labels: ``(b,)``.
        classes: Class names.
        title: Title.
    """
    figure = Figure(figsize=(4.6 * len(embeddings), 4.9), layout='constrained')
    colors = colormaps['tab10' if len(classes) <= 10 else 'tab20']
    for axes, (name, points) in zip(
        figure.subplots(1, len(embeddings), squeeze=False)[0], embeddings.items(), strict=True
    ):
        # On the sphere, where the cosine of the angle between two embeddings is their similarity.
        unit = points / np.linalg.norm(points, axis=1, keepdims=True).clip(1e-12)
        flat = TSNE(perplexity=min(30, (len(unit) - 1) / 3), init='pca', random_state=0).fit_transform(unit)
        for index, label in enumerate(classes):
            chosen = labels == index
            axes.scatter(*flat[chosen].T, s=12, color=colors(index % colors.N), label=label, linewidths=0)
        axes.set_title(name)
        axes.set_xticks([])
        axes.set_yticks([])
    handles, names = figure.axes[0].get_legend_handles_labels()
    columns = min(10, 4 * len(embeddings), len(classes))
    figure.legend(handles, names, loc='outside lower center', ncols=columns, markerscale=2)
    figure.suptitle(title)
    save_figure(figure, path)
