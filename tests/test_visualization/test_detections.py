import numpy as np
from PIL import Image

from mmdet_multimix.visualization import plot_detections


def test_boxes_are_drawn_where_they_are(tmp_path):
    """A white image in two columns, one without detections: they differ inside the box alone."""
    Image.new('RGB', (100, 100), 'white').save(tmp_path / 'image.png')
    box = np.array([[20.0, 30.0, 60.0, 90.0]])
    nothing = np.zeros((0, 4)), np.zeros(0, int), np.zeros(0)
    columns = {
        'a': [(box, np.array([1]), np.array([0.8]))],
        'b': [nothing],
        'c': [(box, np.array([1]), None)],
    }
    plot_detections(tmp_path / 'out.png', [tmp_path / 'image.png'], columns, ('cat', 'dog'), title='')
    pixels = np.asarray(Image.open(tmp_path / 'out.png').convert('L'))
    found, none, truth = np.array_split(pixels[60:], 3, axis=1)  # without the titles
    assert (none == 255).all()
    for drawn in (found, truth):
        rows, columns = np.nonzero(drawn < 255)
        height, width = np.ptp(rows), np.ptp(columns)
        assert 1.4 < height / width < 1.6  # 60 to 40 pixels
    assert (found < 128).sum() > (truth < 128).sum()  # the score is written, too
