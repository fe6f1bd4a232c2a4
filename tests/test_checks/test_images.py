"""Sizes of images against their annotations."""

from pathlib import Path

import pytest
from checking import error_of, training_on
from mmcv import imread
from PIL import Image
from tiny_sets import coco_with, voc_with

from mmdet_multimix.checks import check_config
from mmdet_multimix.checks.images import loaded_size, sample


@pytest.fixture
def dataset(tmp_path):
    return coco_with(tmp_path / 'coco', ('cat', 'dog', 'cow'))


def put(dataset, index, size):
    Image.new('RGB', size).save(f'{dataset["data_root"]}/images/{index}.png')


def test_images_of_another_size_are_refused(dataset):
    for index in range(2):
        put(dataset, index, (24, 20))
    text = error_of(training_on(dataset))
    assert '2 of 3 images are not as large' in text and '0.png is 24 x 20, not 12 x 10' in text


def test_a_box_outside_of_its_image_is_refused_and_one_that_is_inside_is_said(dataset, capsys):
    put(dataset, 1, (13, 10))
    check_config(training_on(dataset))
    assert '1 of 3 images are not as large' in capsys.readouterr().err
    put(dataset, 1, (12, 2))
    assert 'has a box outside: the loss would be NaN' in error_of(training_on(dataset))


def test_sizes_in_voc_are_compared_too(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    check_config(training_on(dataset))
    for index in range(2):
        Image.new('RGB', (2, 2)).save(tmp_path / f'voc/JPEGImages/{index}.jpg')
    assert '2 of 2 images are not as large' in error_of(training_on(dataset))


@pytest.mark.parametrize('ending', ['jpg', 'png', 'tif', 'webp'])
def test_a_picture_that_is_turned_has_the_size_in_which_it_is_loaded(tmp_path, ending):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f'a.{ending}'
    Image.new('RGB', (30, 20)).save(path, exif=exif)
    height, width = imread(path).shape[:2]
    assert loaded_size(path) == (None if ending in ('tif', 'webp') else (width, height))
    assert ending in ('tif', 'webp') or (width, height) == (20, 30)


def test_an_image_that_is_missing_or_empty_is_named(dataset):
    path = f'{dataset["data_root"]}/images/1.png'
    open(path, 'w').close()
    assert '1 images listed in' in error_of(training_on(dataset)) and path in error_of(training_on(dataset))
    annotations = Path(dataset['data_root'], 'ann.json')
    annotations.write_text(annotations.read_text().replace('1.png', 'nowhere.png'))
    assert 'nowhere.png' in error_of(training_on(dataset))


def test_a_sample_is_evenly_spaced():
    assert sample(range(10), 5) == [0, 2, 4, 6, 8]
    assert sample(range(3)) == [0, 1, 2]
