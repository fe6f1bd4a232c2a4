"""What all pictures share: colours, and files written whole."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from ..utils.files import check_target, whole_file
from ..utils.one_line import InputError

#: One colour a method wherever it is drawn; distinguishable without red-green vision.
COLORS: tuple[str, ...] = (
    '#7f7f7f',
    '#0072b2',
    '#e69f00',
    '#009e73',
    '#cc79a7',
    '#56b4e9',
    '#d55e00',
    '#000000',
    '#882255',
    '#44aa99',
    '#999933',
    '#332288',
    '#ddaa88',
)


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure, whole or not at all."""
    with whole_file(path) as file:
        figure.savefig(file, dpi=110, format=Path(path).suffix[1:])


def check_picture(name: str, path: str | Path) -> None:
    """Refuse a picture that cannot be written, before it is drawn.

    Args:
        name: What it is, for the message.
        path: The file, which need not exist.

    Raises:
        InputError: Its folder cannot be written to, or its name does not end as those of pictures do.
    """
    check_target(name, path)
    known = FigureCanvasBase.get_supported_filetypes()
    if Path(path).suffix.lower()[1:] not in known:
        raise InputError(f'{name} {path} must end in one of {", ".join(f".{end}" for end in sorted(known))}')
