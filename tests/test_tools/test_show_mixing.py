import numpy as np
from cli import call
from PIL import Image


def test_the_figure_of_the_docs_is_drawn(tmp_path, monkeypatch, capsys):
    path = tmp_path / 'figure.png'
    call(monkeypatch, 'show_mixing.py', '--out', path)
    assert str(path) in capsys.readouterr().out
    pixels = np.asarray(Image.open(path).convert('RGB'))
    assert pixels.shape[1] == 1100 and path.stat().st_size < 150_000
    for color in ((0, 114, 178), (230, 159, 0), (0, 158, 115)):  # every class of objects
        assert (pixels == color).all(axis=2).sum() > 2000
