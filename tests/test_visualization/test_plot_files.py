"""Pictures are written whole, in the format that their name says."""

import pytest
from matplotlib.figure import Figure
from PIL import Image

from mmdet_multimix.visualization.plots import save_figure


@pytest.mark.parametrize(
    ('name', 'head'),
    [('a.png', b'\x89PNG'), ('deep/er/a.PDF', b'%PDF'), ('a.svg', b'<?xml'), ('a.jpg', b'\xff\xd8')],
)
def test_the_name_says_the_format(tmp_path, name, head):
    figure = Figure()
    figure.subplots().plot([1, 2])
    save_figure(figure, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(head)
    assert [path.name for path in (tmp_path / name).parent.iterdir()] == [(tmp_path / name).name]


def test_a_figure_that_cannot_be_drawn_leaves_the_old_picture(tmp_path):
    Image.new('RGB', (3, 2)).save(tmp_path / 'a.png')
    before = (tmp_path / 'a.png').read_bytes()
    figure = Figure()
    figure.subplots().set_title('$\\nonsense$')
    with pytest.raises(ValueError, match='nonsense'):
        save_figure(figure, tmp_path / 'a.png')
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']
    assert (tmp_path / 'a.png').read_bytes() == before
