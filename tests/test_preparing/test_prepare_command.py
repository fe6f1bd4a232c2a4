"""From a folder of photographs to a data set: formats, classes, splits, files, and what a training does with it."""

import json
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope
from photographs import (
    BOXES,
    WHOLE,
    YOLO_LINES,
    coco,
    flat_voc,
    label,
    photograph,
    prepared,
    write,
    xml,
    yolo,
)
from PIL import Image

from mmdet_multimix.checks import check_config
from mmdet_multimix.preparing import PreparingError, prepare
from mmdet_multimix.preparing.writing import own_files
from mmdet_multimix.utils.files import whole_file


def test_three_formats_give_one_data_set(tmp_path):
    flat_voc(tmp_path / 'voc', 2)
    yolo(tmp_path / 'yolo', ('train',), 2)
    coco(tmp_path / 'coco', 2)
    for name in ('voc', 'yolo', 'coco'):
        _, splits, report = prepared(tmp_path / name)
        for boxes in splits['train'].values():
            assert [box[0] for box in boxes] == ['cat', 'dog']
            for one, other in zip(boxes, WHOLE, strict=True):
                assert one[1] == pytest.approx(other[1], abs=0.01)
        assert report['splits']['train'] == dict(
            images=2, images_without_objects=0, boxes=dict(cat=2, dog=2), boxes_left_out={}
        )


def test_mmdet_reads_what_is_written(tmp_path):
    """The lines that are printed give mmdet's own data sets, with the boxes that were marked."""
    flat_voc(tmp_path / 'set/train', 3)
    flat_voc(tmp_path / 'set/val', 2)
    flat_voc(tmp_path / 'set/test', 1)
    said, _, _ = prepared(tmp_path / 'set')
    lines = said[said.index('data_root = ') :]
    assert lines in (tmp_path / 'set_out/config.py').read_text()
    cfg = Config.fromstring(lines, '.py')
    check_config(cfg)
    check_config(cfg, 'test')
    init_default_scope('mmdet')
    for split, count in (('train', 3), ('val', 2), ('test', 1)):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert len(dataset) == count and dataset.metainfo['classes'] == ('cat', 'dog')
        for index in range(count):
            found = dataset.get_data_info(index)
            assert Path(found['img_path']).is_file()
            assert [tuple(entry['bbox']) for entry in found['instances']] == list(BOXES.values())
            assert [entry['bbox_label'] for entry in found['instances']] == [0, 1]


@pytest.mark.parametrize('where', ['beside', 'inside', 'elsewhere', 'link'])
def test_the_output_may_be_anywhere(tmp_path, where, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flat_voc(tmp_path / 'data/my set', 2)
    (tmp_path / 'far/away').mkdir(parents=True)
    output = dict(beside='data/out', inside='data/my set/out', elsewhere='far/away/out/', link='linked/out')
    (tmp_path / 'linked').symlink_to(tmp_path / 'far/away')
    for overwrite in (False, True):  # what is written into the folder is not read the next time
        prepare('data/my set', output[where], overwrite=overwrite)
        lines = (tmp_path / output[where] / 'config.py').read_text().split('\n', 1)[1]
        cfg = Config.fromstring(lines, '.py')
        check_config(cfg)
        assert not os.path.isabs(cfg.data_root)
        init_default_scope('mmdet')
        assert len(DATASETS.build(cfg.train_dataloader.dataset)) == 2


@pytest.mark.parametrize(
    ('folder', 'split'),
    [
        ('testset', 'test'),
        ('TestImages', 'test'),
        ('valset', 'val'),
        ('valimages2017', 'val'),
        ('trainset', 'train'),
    ],
)
def test_folders_of_splits_in_one_word(tmp_path, folder, split):
    flat_voc(tmp_path / 'set/training', 2)
    photograph(tmp_path / f'set/{folder}/x.png', seed=9)
    xml(tmp_path / f'set/{folder}/x.xml')
    assert f'{folder}/x.png' in prepared(tmp_path / 'set')[1][split]


def test_a_split_is_random_and_repeatable(tmp_path):
    root = flat_voc(tmp_path / 'set', 20)
    _, first, _ = prepared(root, split=0.3, seed=1)
    assert (
        len(first['val']) == 6 and len(first['train']) == 14 and not set(first['val']) & set(first['train'])
    )
    assert prepared(root, split=0.3, seed=1)[1] == first
    assert prepared(root, split=0.3, seed=2)[1] != first
    assert set(prepared(root)[1]) == {'train'} and not (tmp_path / 'set_out/val.json').exists()
    assert not (tmp_path / 'set_out/val.jpg').exists()


def test_augmented_copies_of_one_photograph_stay_together(tmp_path):
    """What is measured on one was learnt from the others; Roboflow makes them."""
    root = tmp_path / 'set'
    for index, copy in ((index, copy) for index in range(8) for copy in 'abc'):
        photograph(root / f'{index}_jpg.rf.{copy * 8}.jpg', seed=ord(copy) * 8 + index)
        xml(root / f'{index}_jpg.rf.{copy * 8}.xml')
    for seed in range(3):
        splits = prepared(root, split=0.25, seed=seed)[1]
        train, val = ({name.partition('_')[0] for name in splits[split]} for split in ('train', 'val'))
        assert len(splits['val']) == 6 and len(val) == 2 and not train & val
    with pytest.raises(PreparingError, match='images at least, got 1 that is no copy of another'):
        for path in root.glob('[1-7]_*'):
            path.unlink()
        prepared(root, split=0.25)


@pytest.mark.parametrize('share', [0, 1, -0.2, 5])
def test_a_share_that_is_none(tmp_path, share):
    with pytest.raises(PreparingError, match='--split: must be between 0 and 1'):
        prepare(flat_voc(tmp_path / 'set', 2), tmp_path / 'out', split=share)


def test_a_split_of_what_cannot_be_split(tmp_path):
    with pytest.raises(PreparingError, match='--split: there is a validation split already'):
        prepare(yolo(tmp_path / 'yolo'), tmp_path / 'out', split=0.5)
    with pytest.raises(PreparingError, match='--split: needs two training images'):
        prepare(flat_voc(tmp_path / 'voc', 1), tmp_path / 'out', split=0.5)


def test_an_image_that_a_random_split_has_twice_is_named(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    shutil.copy(root / 'IMG_0.JPG', root / 'IMG_1.JPG')
    said, _, _ = prepared(root, split=0.5)
    (line,) = [line for line in said.splitlines() if 'in more than one split' in line]
    assert ' is ' in line and all(str(root / f'IMG_{index}.JPG') in line for index in (0, 1))


def test_names_that_differ_by_case_are_asked_about(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    xml(root / 'IMG_0.xml', [('Cat', BOXES['cat']), ('dog ', BOXES['dog'])])
    with pytest.raises(PreparingError, match=r"'Cat' \(1 objects\), 'cat' \(1 objects\).*--classes"):
        prepared(root)
    _, splits, report = prepared(root, classes=['dog', 'cat'])
    assert report['classes'] == ['dog', 'cat'] and splits['train']['IMG_0.JPG'] == WHOLE
    _, splits, report = prepared(root, classes=['cat', 'Cat'])
    assert report['splits']['train']['boxes'] == dict(cat=1, Cat=1)
    assert report['splits']['train']['boxes_left_out'] == {'of other classes': dict(dog=2)}
    with pytest.raises(
        PreparingError, match="--classes: 'horse' is in no annotation, which have 'Cat', 'cat'"
    ):
        prepared(root, classes=['cat', 'horse'])


@pytest.mark.parametrize(
    'other', ['Traffic_Light', 'traffic-light', unicodedata.normalize('NFD', 'tráffic light')], ids=ascii
)
def test_names_that_read_alike_are_asked_about(tmp_path, other):
    """Several people have marked the objects, or the names were those of folders on macOS."""
    root, name = flat_voc(tmp_path / 'set', 2), unicodedata.normalize('NFC', other.casefold())
    name = name.replace('_', ' ').replace('-', ' ')
    for index, one in enumerate((name, other)):
        xml(root / f'IMG_{index}.xml', [(one, BOXES['cat'])])
    with pytest.raises(PreparingError, match=r'read alike: .*\(1 objects\).*--classes'):
        prepared(root)
    assert prepared(root, classes=[name])[2]['splits']['train']['boxes'] == {name: 2}


def test_signs_and_words_that_read_otherwise_are_classes(tmp_path):
    root, names = flat_voc(tmp_path / 'set', 5), ['-', '_', 'A', 'A-', 'AB']
    for index, name in enumerate(names):
        xml(root / f'IMG_{index}.xml', [(name, BOXES['cat'])])
    assert sorted(prepared(root)[2]['classes']) == sorted(names)


def test_the_format_is_found_or_asked_for(tmp_path):
    root = yolo(tmp_path / 'set', ('train',))
    coco(root, 1, folder='others')
    with pytest.raises(PreparingError, match='several formats, yolo and coco: choose with --format'):
        prepared(root)
    assert prepared(root, format='coco')[2]['format'] == 'COCO'
    photograph(tmp_path / 'plain/a.jpg')
    with pytest.raises(PreparingError, match=r'has 1 images and no annotations .* COCO \(\.json\)$'):
        prepared(tmp_path / 'plain')
    (tmp_path / 'plain/a.txt').write_text('0;0.5;0.5;0.1;0.1')
    with pytest.raises(
        PreparingError, match=r"no annotations .*; .*a\.txt is none of them, it begins with '0;0"
    ):
        prepared(tmp_path / 'plain')
    with pytest.raises(PreparingError, match='has no image with Pascal VOC annotations'):
        prepared(tmp_path / 'plain', format='voc')
    with pytest.raises(PreparingError, match='for test only, and none to train on'):
        prepared(flat_voc(tmp_path / 'lone/test', 2).parent)


def test_images_of_the_other_of_two_formats_are_no_background(tmp_path):
    """A key of labelImg changes the format, so that one set has both."""
    root = flat_voc(tmp_path / 'set', 4)
    (root / 'IMG_3.xml').unlink()  # without objects
    for index in range(2):
        (root / f'IMG_{index}.xml').unlink()
        label(root / f'IMG_{index}.txt', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    with pytest.raises(PreparingError, match='several formats, voc and yolo'):
        prepared(root)
    _, splits, report = prepared(root, format='yolo')
    assert set(splits['train']) == {f'IMG_{index}.JPG' for index in (0, 1, 3)}
    assert report['files_left_out'] == {
        'images that have annotations of Pascal VOC and none of YOLO': [str(root / 'IMG_2.JPG')]
    }


def test_images_that_have_no_object_in_the_other_of_two_formats_are_background(tmp_path):
    root = flat_voc(tmp_path / 'set', 3)
    label(root / 'IMG_0.txt', *YOLO_LINES)
    xml(root / 'IMG_1.xml', [])
    (root / 'IMG_2.xml').write_text('<annotation><obj')  # nobody knows
    (root / 'classes.txt').write_text('cat\ndog\n')
    train = prepared(root, format='yolo')[1]['train']
    assert {name: len(boxes) for name, boxes in train.items()} == {'IMG_0.JPG': 2, 'IMG_1.JPG': 0}


def test_nothing_is_overwritten_or_left_half(tmp_path, monkeypatch):
    root, out = flat_voc(tmp_path / 'set', 4), tmp_path / 'out'
    prepare(root, out, split=0.5)
    (out / 'mine.txt').write_text('mine')
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(before) == {*own_files(), 'mine.txt'} - {'test.json', 'test.jpg'}
    with pytest.raises(PreparingError, match='has files already; give --overwrite'):
        prepare(root, out)

    def full(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr('mmdet_multimix.preparing.command.draw_labelled_images', full)
        with pytest.raises(OSError, match='No space'):
            prepare(root, out, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {'set', 'out'}
    prepare(root, out, overwrite=True)
    assert (out / 'mine.txt').read_text() == 'mine' and not (out / 'val.json').exists()


@pytest.mark.parametrize('files', range(4))
def test_a_call_that_was_cut_off_is_made_again(tmp_path, monkeypatch, files):
    root, out = flat_voc(tmp_path / 'set', 4), tmp_path / 'out'
    prepare(root, out, split=0.5)
    left = iter(range(files))

    def full(path):
        if next(left, None) is None:
            raise OSError(28, 'No space left on device')
        return whole_file(path)

    with monkeypatch.context() as patch:
        patch.setattr('mmdet_multimix.preparing.command.whole_file', full)
        with pytest.raises(OSError, match='No space'):
            prepare(root, out, overwrite=True)
    prepare(root, out, overwrite=True)
    assert set(own_files(['train'])) == {path.name for path in out.iterdir()}


@pytest.mark.parametrize('name', ['val.json', 'test.jpg', 'train.json', 'config.py', 'report.json'])
def test_files_of_ours_by_name_only_are_neither_replaced_nor_deleted(tmp_path, name):
    root, out = flat_voc(tmp_path / 'set', 2), tmp_path / 'out'
    out.mkdir()
    (out / name).write_text('{"mine": []}')
    with pytest.raises(PreparingError, match=rf'{name} is not from an earlier call.*: move it away'):
        prepare(root, out, overwrite=True)
    assert [path.name for path in out.iterdir()] == [name] and (out / name).read_text() == '{"mine": []}'
    (out / name).unlink()
    prepare(root, out, overwrite=True)
    (out / 'val.json').write_text('mine')  # that call has written train.json alone
    with pytest.raises(PreparingError, match=r'val\.json is not from an earlier call'):
        prepare(root, out, split=0.5, overwrite=True)


@pytest.mark.parametrize(
    ('root', 'output', 'message'),
    [
        ('nothing', 'out', 'nothing does not exist'),
        ('set/IMG_0.JPG', 'out', 'IMG_0.JPG is no folder'),
        ('set', 'set', 'is the folder of the images'),
        ('set', 'set/IMG_0.JPG', 'is a file; give a folder'),
        ('set', 'set/IMG_0.JPG/out', 'cannot write to'),
    ],
)
def test_wrong_folders(tmp_path, root, output, message):
    flat_voc(tmp_path / 'set', 1)
    with pytest.raises(PreparingError, match=message):
        prepare(tmp_path / root, tmp_path / output)


def test_links_that_lead_round_in_circles(tmp_path):
    root = flat_voc(tmp_path / 'set', 2)
    (root / 'again').symlink_to(root)
    shutil.copytree(flat_voc(tmp_path / 'real/train', 2), tmp_path / 'store')
    (root / 'linked').symlink_to(tmp_path / 'store')
    (root / '.hidden').mkdir()
    photograph(root / '.hidden/IMG_9.jpg')
    photograph(root / '._IMG_0.JPG', format='JPEG')
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'IMG_0.JPG', 'IMG_1.JPG', 'linked/IMG_0.JPG', 'linked/IMG_1.JPG'}
    assert not report['files_left_out']


def test_thumbnails_that_a_server_keeps_beside_the_images_are_none_of_them(tmp_path):
    root = yolo(tmp_path / 'set')
    before = prepared(root)[1:]
    for path in list(root.rglob('*.png')):
        photograph(path.parent / '@eaDir' / path.name / 'SYNOPHOTO_THUMB_XL.jpg')
    assert prepared(root)[1:] == before


def test_the_picture_shows_boxes_where_they_are(tmp_path):
    root = tmp_path / 'set'
    for index in range(3):
        path = root / f'{index}.png'
        root.mkdir(exist_ok=True)
        Image.new('RGB', (320, 320), 'black').save(path)
        xml(root / f'{index}.xml', [('only', (40, 60, 200, 260))], (320, 320))
    prepared(root)
    picture = Image.open(tmp_path / 'set_out/train.jpg').convert('RGB')
    assert picture.size == (3 * 324, 324)
    colored = [(x, y) for x in range(320) for y in range(320) if max(picture.getpixel((x, y))) > 90]
    below = [point for point in colored if point[1] > 70]  # the name is above
    assert min(x for x, _ in below) == pytest.approx(40, abs=1)
    assert max(x for x, _ in below) == pytest.approx(200, abs=2)
    assert max(y for _, y in below) == pytest.approx(260, abs=2)
    assert not any(50 < x < 190 and 80 < y < 250 for x, y in colored)


def test_a_report_of_strange_names(tmp_path):
    root = flat_voc(tmp_path / 'set', 1)
    xml(
        root / 'IMG_0.xml',
        [('a|b <c>&amp;'.replace('<c>', '&lt;c&gt;'), BOXES['cat']), ('猫 \'"', BOXES['dog'])],
    )
    os.rename(root / 'IMG_0.xml', root / 'IMG_\udcff.xml')
    os.rename(root / 'IMG_0.JPG', root / 'IMG_\udcff.JPG')
    photograph(root / 'b.jpg')
    shutil.copy(root / 'IMG_\udcff.xml', root / 'b.xml')
    said, splits, report = prepared(root)
    assert report['classes'] == ['a|b <c>&', '猫 \'"'] and set(splits['train']) == {'b.jpg'}
    assert 'images whose names are not UTF-8' in said
    cfg = Config.fromfile(tmp_path / 'set_out/config.py')
    assert cfg.train_dataloader.dataset.metainfo.classes == ('a|b <c>&', '猫 \'"')
    text = (tmp_path / 'set_out/report.md').read_text()
    assert 'a\\|b <c>&' in text and json.loads((tmp_path / 'set_out/report.json').read_text())


def in_voc(root):
    return flat_voc(root, ending='.jpg')


def in_yolo(root):
    yolo(root, ('train',), 4)
    for path in (root / 'images/train').iterdir():
        photograph(path.with_suffix('.jpg'))
        path.unlink()
    return root


def in_coco(root):
    content = coco(root, 4)
    for image in content['images']:
        image['file_name'] = image['file_name'].replace('.png', '.jpg')
        photograph(root / f'train/{image["file_name"]}')
        (root / f'train/{image["id"]}.png').unlink()
    write(root / 'annotations/instances_train.json', content)
    return root


@pytest.mark.parametrize('layout', [in_voc, in_yolo, in_coco])
def test_images_whose_names_end_otherwise_are_named(tmp_path, layout):
    """With annotations or without any."""
    root = layout(tmp_path / 'set')
    one, two, three, _ = sorted(root.rglob('*.jpg'))
    one.rename(one.with_suffix(''))
    two.rename(two.with_suffix('.heic'))
    three.rename(three.with_suffix('.JPG_old'))
    shutil.copy(one.with_suffix(''), root / 'alone')
    (root / 'alone.AVIF').write_bytes(b'avif')
    for name in ('notes.txt', 'table.csv', 'Thumbs.db', 'README', 'x.json', 'clip.mp4'):
        (root / name).write_text('no image')
    _, splits, report = prepared(root)
    assert len(splits['train']) == 1
    left_out = {reason.partition(':')[0]: set(paths) for reason, paths in report['files_left_out'].items()}
    assert left_out.pop('images of a format that mmdet does not read') == {
        str(two.with_suffix('.heic')),
        f'{root}/alone.AVIF',
    }
    assert left_out.pop('images whose names end as those of no image') == {
        str(one.with_suffix('')),
        str(three.with_suffix('.JPG_old')),
        f'{root}/alone',
    }
    ((reason, without),) = left_out.items()
    assert len(without) == 3 and reason in (
        'annotations without an image',
        'images that are listed and not there',
    )


@pytest.mark.parametrize('layout', [in_voc, in_coco])
def test_a_folder_of_photographs_that_are_not_read_is_refused_with_the_reason(tmp_path, layout):
    root = layout(tmp_path / 'set')
    for path in list(root.rglob('*.jpg')):
        path.rename(path.with_suffix('.heic'))
    with pytest.raises(PreparingError, match='4 images of a format that mmdet does not read: convert them'):
        prepared(root)


@pytest.mark.parametrize('ending', ['.gif', '.jfif', ''])
def test_an_image_that_is_read_all_the_same_is_not_left_out(tmp_path, ending):
    content = coco(tmp_path / 'set', 2)
    path = tmp_path / f'set/train/0{ending}'
    photograph(path, format='PNG' if ending == '' else None)
    content['images'][0]['file_name'] = f'train/{path.name}'
    write(tmp_path / 'set/annotations/instances_train.json', content)
    (tmp_path / 'set/train/0.png').unlink()
    _, splits, report = prepared(tmp_path / 'set')
    if len(splits['train']) == 2:  # OpenCV decodes GIF in some of its versions
        assert not report['files_left_out']
    else:
        assert ending == '.gif' and len(report['files_left_out']) == 1


def test_a_damaged_set_that_a_training_would_refuse(tmp_path):
    """Classes that only the validation data have are said, as before every training."""
    root = yolo(tmp_path / 'set')
    for index in range(2):
        path = root / f'labels/train/train{index}.txt'
        path.write_text(path.read_text().splitlines()[0])
    said, _, _ = prepared(root)
    assert 'have boxes in the validation data, but none in the training data: dog' in said
    write(root / 'x.json', dict(a=1))
    assert prepared(root)[2]['format'] == 'YOLO'


@pytest.mark.parametrize('split', ['val', 'test'])
def test_a_split_without_any_box_is_said(tmp_path, split):
    """Test images without labels measure nothing, though they count as images without objects."""
    root = yolo(tmp_path / 'set', ('train', split))
    line = f'{split}: no image has a box, so metrics will be -1 or 0'
    assert line not in prepared(root)[0]
    shutil.rmtree(root / f'labels/{split}')
    assert line in prepared(root)[0]


def test_a_split_of_crowds_alone_is_said_once(tmp_path):
    root = tmp_path / 'set'
    coco(root, 2)
    content = coco(root, 2, 'annotations/instances_val.json', 'val')
    for entry in content['annotations']:
        entry['iscrowd'] = 1
    write(root / 'annotations/instances_val.json', content)
    said = prepared(root)[0]
    assert 'none of the 4 boxes' in said and 'no image has a box' not in said


def test_an_image_of_very_many_pixels_is_read(tmp_path, monkeypatch):
    """Pillow takes it for a bomb; aerial photographs are as large."""
    root = flat_voc(tmp_path / 'set', count=1)
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1000)
    _, splits, report = prepared(root)
    assert len(splits['train']) == 1 and not report['files_left_out'] and Image.MAX_IMAGE_PIXELS == 1000


def test_what_is_packed_is_to_be_unpacked(tmp_path):
    (tmp_path / 'voc.zip').write_bytes(b'PK')
    with pytest.raises(PreparingError, match=r'voc\.zip is no folder: unpack it'):
        prepare(tmp_path / 'voc.zip', tmp_path / 'out')
    (tmp_path / 'set').mkdir()
    (tmp_path / 'voc.zip').rename(tmp_path / 'set/voc.zip')
    with pytest.raises(PreparingError, match=r'0 images and no annotations .*; unpack .*voc\.zip'):
        prepare(tmp_path / 'set', tmp_path / 'out')


def test_a_table_is_named_and_no_readme(tmp_path):
    photograph(tmp_path / 'set/train/0.png')
    (tmp_path / 'set/README.dataset.txt').write_text('# My project\n')
    (tmp_path / 'set/notes.json').write_text('{"categories": []}')
    (tmp_path / 'set/train.csv').write_text('image_id,bbox\n0,"[1, 2, 3, 4]"\n')
    with pytest.raises(PreparingError, match=r"train\.csv is none of them, it begins with 'image_id,bbox'"):
        prepare(tmp_path / 'set', tmp_path / 'out')


@pytest.mark.parametrize(
    ('content', 'tool'),
    [
        (dict(version='5', shapes=[dict(label='cat', points=[[1, 2]])], imagePath='0.png'), 'labelme'),
        (dict(asset=dict(name='0.png'), regions=[dict(tags=['cat'])]), 'VoTT'),
        ({'0.png9': dict(regions=[dict(shape_attributes=dict(name='rect'))])}, 'the VGG Image Annotator'),
        ([dict(image='0.png', annotations=[dict(label='cat', coordinates=dict(x=1, y=2))])], 'CreateML'),
        ([dict(id=1, annotations=[dict(result=[])])], 'Label Studio'),
    ],
)
def test_another_tools_own_format_is_named(tmp_path, content, tool):
    photograph(tmp_path / 'set/0.png')
    (tmp_path / 'set/0.json').write_text(json.dumps(content, indent=1))
    with pytest.raises(PreparingError, match=rf'0\.json is none of them, it looks like that of {tool}'):
        prepare(tmp_path / 'set', tmp_path / 'out')


@pytest.mark.parametrize(
    'content',
    [
        dict(type='FeatureCollection', features=[dict(geometry=dict(type='Point', coordinates=[1, 2]))]),
        [dict(id=1, regions=[dict(region_id=7, phrase='a cat', x=1, y=2, width=3, height=4)])],
        [dict(version=0, tags=[], shapes=[dict(type='rectangle', occluded=False)], tracks=[])],
        dict(status='done', result='ok'),
    ],
    ids=['GeoJSON', 'Visual Genome', 'CVAT', 'other'],
)
def test_no_tool_is_named_that_has_not_written_the_file(tmp_path, content):
    photograph(tmp_path / 'set/0.png')
    (tmp_path / 'set/0.json').write_text(json.dumps(content))
    with pytest.raises(PreparingError, match=r'0\.json is none of them, it begins with'):
        prepare(tmp_path / 'set', tmp_path / 'out')


@pytest.mark.parametrize(('highest', 'is_dark'), [(4095, True), (65535, False)])
@pytest.mark.parametrize('ending', ['png', 'tif'])
def test_pixels_of_twelve_bits_that_load_nearly_black_are_said(tmp_path, highest, is_dark, ending):
    root = flat_voc(tmp_path / 'set')
    for path in root.glob('IMG_*.JPG'):
        shape = Image.open(path).size[::-1]
        pixels = np.random.default_rng(0).integers(0, highest, shape, dtype=np.uint16, endpoint=True)
        path.unlink()
        Image.fromarray(pixels).save(path.with_suffix(f'.{ending}'))
    notes = [note for note in prepared(root)[2]['notes'] if 'nearly black' in note]
    assert len(notes) == is_dark and all(f'IMG_0.{ending}' in note for note in notes)


def test_a_dark_photograph_is_none_of_too_many_bits(tmp_path):
    root = flat_voc(tmp_path / 'set')
    for path in root.glob('IMG_*.JPG'):
        Image.new('RGB', Image.open(path).size, (9, 9, 9)).save(path)
    assert not [note for note in prepared(root)[2]['notes'] if 'nearly black' in note]


def test_cvats_own_format_is_named(tmp_path):
    root = flat_voc(tmp_path / 'set', count=1)
    (root / 'annotations.xml').write_text('<annotations><version>1.1</version></annotations>')
    _, _, report = prepared(root)
    assert list(report['files_left_out']) == [
        "annotations in CVAT's own format: export them as VOC, YOLO or COCO"
    ]


def test_voc_under_a_root_of_another_name_is_read(tmp_path):
    root = flat_voc(tmp_path / 'set')
    for path in root.glob('*.xml'):
        path.write_text(path.read_text().replace('annotation>', 'annotations>'))
    assert len(prepared(root)[1]['train']) == 4


def test_the_output_of_an_earlier_call_is_no_input(tmp_path):
    root = flat_voc(tmp_path / 'set')
    prepare(root, root / 'inside')
    assert 'Pascal VOC' in prepare(root, tmp_path / 'out')
