"""The fifteen corruptions: all of them, the same ones again, and stronger with the severity."""

import numpy as np
import pytest
from PIL import Image

from mmdet_multimix.evaluation.corruptions import (
    CORRUPTIONS,
    SEVERITIES,
    CorruptImage,
    check_corruptions,
    corrupt,
)


def photo(size=(48, 64)):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_each_changes_the_image_and_more_so_with_the_severity(name):
    image = photo()
    kept = image.copy()
    distances = []
    for severity in SEVERITIES:
        changed = corrupt(image, name, severity, 0, 'a')
        assert changed.shape == image.shape and changed.dtype == np.uint8
        distances.append(np.abs(changed.astype(float) - image).mean())
    assert (image == kept).all() and min(distances) > 0.5
    # Frost of another severity is another photograph of frost, snow falls anew: not each step is a rise.
    assert distances[4] > distances[0]


@pytest.mark.parametrize('name', CORRUPTIONS)
def test_what_is_drawn_depends_on_seed_and_image_alone(name):
    image = photo()
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    first = corrupt(image, name, 3, 0, 'a')
    assert (np.random.get_state()[1] == before).all()
    corrupt(image, name, 3, 0, 'b')
    np.random.seed(6)
    assert (corrupt(image, name, 3, 0, 'a') == first).all()
    if name not in ('defocus_blur', 'zoom_blur', 'brightness', 'contrast', 'pixelate', 'jpeg_compression'):
        for seed, key in ((1, 'a'), (0, 'b')):
            assert (corrupt(image, name, 3, seed, key) != first).any(), (seed, key)


def test_there_are_the_fifteen_of_the_library():
    imagecorruptions = pytest.importorskip('imagecorruptions')
    assert list(CORRUPTIONS) == imagecorruptions.get_corruption_names()


def test_the_transform_corrupts_colours_as_they_are():
    """mmdet loads BGR; brightness and JPEG of swapped colours would differ."""
    image = photo()
    for image_type in (np.uint8, np.float32):
        results = {'img': image[..., ::-1].astype(image_type), 'img_id': 7, 'other': 1}
        changed = CorruptImage('jpeg_compression', 4, seed=2)(results)
        assert changed['img'].dtype == image_type and changed['other'] == 1
        expected = corrupt(image, 'jpeg_compression', 4, 2, 7)
        assert (changed['img'][..., ::-1] == expected).all()


def test_what_cannot_be_corrupted_is_refused(monkeypatch):
    for image in (photo((31, 64)), photo()[..., 0], photo().astype(float)):
        with pytest.raises(ValueError, match=r'of at least 32 pixels a side, image 3 is'):
            corrupt(image, 'fog', 1, 0, 3)
    with pytest.raises(ValueError, match=r"unknown corruptions \['rain'\]: choose among gaussian_noise, "):
        check_corruptions(['fog', 'rain'], [1])
    with pytest.raises(ValueError, match=r'unknown severities \[6\]: choose among 1, 2, 3, 4, 5'):
        check_corruptions(['fog'], [6])
    with pytest.raises(ValueError, match='choose among'):
        check_corruptions([], [1])
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ValueError, match='pip install imagecorruptions-imaug'):
        check_corruptions(['fog'], [1])
