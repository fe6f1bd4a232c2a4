"""Sizes of images against their annotations."""

import json
from pathlib import Path

import pytest
from checking import error_of, training_on
from mmcv import imread
from mmcv.transforms import LoadImageFromFile
from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import LoadImageFromNDArray
from mmdet.registry import DATASETS
from PIL import Image
from tiny_sets import coco_with, voc_with

from mmdet_multimix.checks import check_config, check_data
from mmdet_multimix.checks.images import loaded_size, loads_upright
from mmdet_multimix.checks.walk import DataSet


@pytest.fixture
def dataset(tmp_path):
    return coco_with(tmp_path / 'coco', ('cat', 'dog', 'cow'))


def put(dataset, index, size):
    Image.new('RGB', size).save(f'{dataset["data_root"]}/images/{index}.png')


def test_the_backslashes_of_windows_are_named(dataset, tmp_path):
    path = tmp_path / 'coco/ann.json'
    path.write_text(path.read_text().replace('"0.png"', r'"images\\0.png"'))
    assert r'images\0.png. Their names have the \ of Windows: write /' in error_of(training_on(dataset))


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


LOADERS = [
    dict(),
    dict(color_type='grayscale'),
    dict(color_type='color_ignore_orientation'),
    dict(color_type='unchanged'),
    dict(color_type='color', imdecode_backend='pillow'),
    dict(color_type='unchanged', imdecode_backend='pillow'),
]


@pytest.mark.parametrize('loader', LOADERS)
@pytest.mark.parametrize('kind', ['LoadImageFromFile', 'mmdet.LoadImageFromFile', LoadImageFromFile])
def test_whether_a_picture_is_turned_is_up_to_the_loader(tmp_path, loader, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / 'a.jpg'
    Image.new('RGB', (30, 20)).save(path, exif=exif)
    height, width = LoadImageFromFile(**loader)(dict(img_path=str(path)))['img_shape']
    upright = loads_upright(DataSet('', dict(pipeline=[dict(type=kind, **loader)])))
    assert upright is not None and loaded_size(path, upright) == (width, height)


@pytest.mark.parametrize('steps', [[], [dict(type=LoadImageFromNDArray)], [dict(type='MyLoader')]])
def test_how_a_loader_of_another_type_turns_is_not_known(tmp_path, steps):
    assert loads_upright(DataSet('', dict(pipeline=steps))) is None
    branches = [dict(type='MultiBranch', sup=[*steps, dict(type='LoadImageFromFile')])]
    assert loads_upright(DataSet('', dict(pipeline=branches)))


def rewrite(dataset, **size):
    """Give other sizes in the annotations."""
    path = Path(dataset['data_root'], 'ann.json')
    content = json.loads(path.read_text())
    for image in content['images']:
        image.update(size)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize('color_type', ['color', 'color_ignore_orientation'])
def test_turned_photographs_are_as_large_as_they_are_loaded(dataset, color_type):
    exif = Image.Exif()
    exif[0x0112] = 6
    for index in range(3):
        Image.new('RGB', (40, 3)).save(f'{dataset["data_root"]}/images/{index}.png', exif=exif)
    dataset['pipeline'] = [dict(type='LoadImageFromFile', color_type=color_type)]
    path = f'{dataset["data_root"]}/images/0.png'
    height, width = LoadImageFromFile(color_type=color_type)(dict(img_path=path))['img_shape']
    assert (width, height) == ((3, 40) if color_type == 'color' else (40, 3))
    rewrite(dataset, width=width, height=height)
    check_config(training_on(dataset))
    rewrite(dataset, width=height, height=width)
    assert '3 of 3 images are not as large' in error_of(training_on(dataset))
    check_config(training_on(dict(dataset, pipeline=[dict(type='MyLoader')])))


def test_sides_in_the_other_order_are_said_unless_a_box_is_outside(dataset, capsys):
    rewrite(dataset, width=10, height=12)
    check_config(training_on(dataset))
    said = capsys.readouterr().err
    assert '3 of 3 images are not as large' in said and '0.png is 12 x 10, not 10 x 12: are their' in said
    for index in range(3):
        put(dataset, index, (4, 2))
    rewrite(dataset, width=2, height=4)
    assert 'has a box outside' in error_of(training_on(dataset))


@pytest.mark.parametrize('sides', [(0, 0), (0, 10), (12, 0)])
def test_a_size_that_is_none_is_not_compared(tmp_path, capsys, sides):
    dataset = voc_with(tmp_path / 'voc')
    for path in (tmp_path / 'voc/Annotations').iterdir():
        text = path.read_text().replace('<width>12<', f'<width>{sides[0]}<')
        path.write_text(text.replace('<height>10<', f'<height>{sides[1]}<'))
    assert len(DATASETS.build(dict(dataset))) == 2
    check_config(training_on(dataset))
    assert 'not as large' not in capsys.readouterr().err


def test_unlabelled_images_need_no_size(tmp_path):
    unlabelled = coco_with(tmp_path / 'unlabelled')
    path = tmp_path / 'unlabelled/ann.json'
    path.write_text(json.dumps(dict(json.loads(path.read_text()), annotations=[])))
    rewrite(unlabelled, width=None, height=None)
    assert len(DATASETS.build(dict(unlabelled))) == 2
    check_config(training_on(dict(type='ConcatDataset', datasets=[unlabelled, unlabelled])))


def test_an_image_that_is_missing_or_empty_is_named(dataset):
    path = f'{dataset["data_root"]}/images/1.png'
    open(path, 'w').close()
    assert '1 images listed in' in error_of(training_on(dataset)) and path in error_of(training_on(dataset))
    annotations = Path(dataset['data_root'], 'ann.json')
    annotations.write_text(annotations.read_text().replace('1.png', 'nowhere.png'))
    assert 'nowhere.png' in error_of(training_on(dataset))


def left_out(root, kind, **cfg):
    """A set whose second image is of another class and not there."""
    dataset = (coco_with if kind == 'coco' else voc_with)(root, ('cat', 'sheep', 'dog'))
    (root / ('images/1.png' if kind == 'coco' else 'JPEGImages/1.jpg')).unlink()
    return dict(dataset, metainfo=dict(classes=('cat', 'dog')), **cfg)


@pytest.mark.parametrize('kind', ['coco', 'voc'])
@pytest.mark.parametrize(
    'cfg',
    [
        dict(filter_cfg=dict(filter_empty_gt=True)),
        dict(filter_cfg=dict(filter_empty_gt=True, min_size=4), indices=2),
        dict(indices=1),
        dict(indices=[0, -1]),
        dict(indices=-1, test_mode=True),
    ],
)
def test_an_image_that_is_not_taken_need_not_exist(tmp_path, kind, cfg):
    dataset = left_out(tmp_path / kind, kind, **cfg)
    loaded = DATASETS.build(dataset)
    assert all(Path(loaded.get_data_info(index)['img_path']).is_file() for index in range(len(loaded)))
    check_config(training_on(dataset))
    assert check_data([training_on(dataset)], {}) == []


@pytest.mark.parametrize('kind', ['coco', 'voc'])
@pytest.mark.parametrize(
    'cfg',
    [
        {},
        dict(filter_cfg=dict(min_size=4)),
        dict(filter_cfg=dict(filter_empty_gt=True), test_mode=True),
        dict(indices=2),
    ],
)
def test_an_image_that_is_taken_must_exist(tmp_path, kind, cfg):
    dataset = left_out(tmp_path / kind, kind, **cfg)
    assert 'are not there or empty' in error_of(training_on(dataset))


def test_images_that_are_too_small_need_not_exist(tmp_path):
    dataset = left_out(tmp_path / 'voc', 'voc', filter_cfg=dict(min_size=4))
    path = tmp_path / 'voc/Annotations/1.xml'
    path.write_text(path.read_text().replace('<width>12', '<width>3'))
    check_config(training_on(dataset))
    path.write_text(path.read_text().replace('size>', 'extent>'))  # mmdet opens the image for its size
    assert 'are not there or empty' in error_of(training_on(dataset))


def test_a_filter_of_ones_own_may_leave_out_what_is_not_there(tmp_path):
    @DATASETS.register_module(force=True)
    class OnlyWhatIsThere(CocoDataset):
        def filter_data(self):
            return [info for info in self.data_list if Path(info['img_path']).is_file()]

    dataset = left_out(tmp_path / 'coco', 'coco', type='OnlyWhatIsThere')
    assert len(DATASETS.build(dataset)) == 2
    check_config(training_on(dataset))


@pytest.mark.parametrize('kind', ['coco', 'voc'])
@pytest.mark.parametrize(
    ('cfg', 'key'),
    [
        (dict(filter_cfg=dict(filter_empty_gt=True, min_size=11)), 'filter_cfg.min_size'),
        (dict(filter_cfg=dict(min_size=4), indices=0), 'indices'),
        (dict(indices=[], test_mode=True), 'indices'),
    ],
)
def test_a_set_of_which_no_image_is_left_is_refused(tmp_path, kind, cfg, key):
    dataset = dict((coco_with if kind == 'coco' else voc_with)(tmp_path / kind), **cfg)
    with pytest.raises(ValueError, match='at least one array'):
        DATASETS.build(dataset)
    said = f'{key} leaves none of the 2 images of {tmp_path}/{kind}/{dataset["ann_file"]}'
    for one in (dataset, dict(type='ConcatDataset', datasets=[dataset, dataset])):
        assert said in error_of(training_on(one))
    check_config(training_on(dict(dataset, filter_cfg=dict(min_size=10), indices=None)))
    lenient = dict(dataset, serialize_data=False)
    assert len(DATASETS.build(lenient)) == 0
    check_config(training_on(lenient))


def test_a_part_without_a_box_of_the_classes_is_left_empty(tmp_path):
    """Alone it is refused for its boxes, in one line."""
    part = coco_with(tmp_path / 'coco')
    other = dict(coco_with(tmp_path / 'other'), filter_cfg=dict(filter_empty_gt=True))
    path = tmp_path / 'other/ann.json'
    path.write_text(json.dumps(dict(json.loads(path.read_text()), annotations=[])))
    text = error_of(training_on(dict(type='ConcatDataset', datasets=[part, other])))
    assert 'filter_cfg.filter_empty_gt leaves none of the 2 images' in text
    text = error_of(training_on(other))
    assert 'nothing would be learnt' in text and 'leaves none' not in text


def test_a_file_that_lists_no_image_is_refused(tmp_path):
    coco, voc = coco_with(tmp_path / 'coco'), voc_with(tmp_path / 'voc')
    path = tmp_path / 'coco/ann.json'
    content = json.loads(path.read_text())
    check_config(training_on(coco, val_dataloader=dict(dataset=coco)))
    (tmp_path / 'coco/empty.json').write_text(json.dumps(dict(content, images=[], annotations=[])))
    (tmp_path / 'voc/ImageSets/Main/empty.txt').touch()
    for dataset, name in ((coco, 'empty.json'), (voc, 'ImageSets/Main/empty.txt')):
        empty = dict(dataset, ann_file=name, test_mode=True)
        with pytest.raises(ValueError, match='at least one array'):
            DATASETS.build(empty)
        text = error_of(training_on(dataset, val_dataloader=dict(dataset=empty)))
        assert f'val_dataloader.dataset: {dataset["data_root"]}/{name} lists no image' in text
