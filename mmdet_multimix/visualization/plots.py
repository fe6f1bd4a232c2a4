"""What all pictures share: colours, and files written whole."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ..utils.files import atomic_path

# One colour a method wherever it is drawn; distinguishable without red-green vision.
COLORS = ('#7f7f7f', '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#000000')
COLORS += ('#882255', '#44aa99', '#999933', '#332288', '#ddaa88')


def save_figure(figure: Figure, path: str | Path) -> None:
    """Writes a figure, whole or not at all."""
    with atomic_path(path) as partial:
        figure.savefig(partial, dpi=110)
