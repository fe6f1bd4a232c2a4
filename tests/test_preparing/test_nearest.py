"""Images found by their names: of sets of films, in which thousands of frames have one name."""

import sys
from pathlib import Path

import pytest

from mmdet_multimix.preparing.nearest import Nearest


def films(count):
    """The paths of frames and of their annotations, in folders of the films; both have the same names."""
    images = [Path(f'/set/Data/film{film}/{frame}.jpg') for film in range(count) for frame in range(3)]
    return images, [Path(f'/set/Annotations/{path.parent.name}/{path.stem}.xml') for path in images]


def calls_of(work, *arguments):
    """The number of calls of functions that some work takes."""
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == 'call'

    sys.setprofile(count)
    try:
        work(*arguments)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize('listed', [False, True], ids=['xml', 'list'])
def test_frames_of_many_films_are_found_without_a_look_at_all_of_each_name(listed):
    def find(count):
        images, annotations = films(count)
        if listed:
            nearest, json = Nearest(images), Path('/set/train.json')
            found = [nearest.listed(Path('/elsewhere', *path.parts[-2:]), json) for path in images]
        else:
            nearest = Nearest([*images, *annotations], annotations)
            found = [nearest.find(path.stem, path) for path in annotations]
        assert found == [[image] for image in images]

    few, many = (calls_of(find, count) for count in (8, 32))
    assert many < 5 * few


def test_frames_that_only_the_folder_above_tells_apart():
    images = [Path(f'/set/film{film}/images/0.jpg') for film in range(4)]
    annotations = [Path(f'/set/film{film}/xml/0.xml') for film in (0, 1, 3)]
    nearest = Nearest([*images, *annotations], annotations)
    assert [nearest.find('0', path) for path in annotations] == [[images[film]] for film in (0, 1, 3)]
