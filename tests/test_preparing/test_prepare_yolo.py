"""YOLO's text files in the layouts that people have."""

import shutil
import unicodedata

import pytest
from photographs import BOXES, SIZE, WHOLE, YOLO_LINES, coco, fractions, label, photograph, prepared, yolo

from mmdet_multimix.preparing import PreparingError


def near(boxes):
    return [(name, tuple(pytest.approx(side, abs=0.01) for side in box), crowd) for name, box, crowd in boxes]


def test_ultralytics_layout(tmp_path):
    _, splits, report = prepared(yolo(tmp_path / 'set'))
    assert splits['train'] == {f'images/train/train{index}.png': near(WHOLE) for index in range(2)}
    assert set(splits['val']) == {'images/val/val0.png', 'images/val/val1.png'}
    assert report['classes'] == ['cat', 'dog'] and report['format'] == 'YOLO'


@pytest.mark.parametrize(
    'text',
    [
        'train: ../train/images\nval: ../valid/images\nnc: 2\nnames: [cat, dog]\n',
        'path: .\ntrain: train/images\nval: [valid/images]\nnames: {0: cat, 1: dog}\n',
        'path: /content/datasets/mine\ntrain: train/images\nval: valid/images\nnames:\n- cat\n- dog\n',
        'train: train.txt\nval: ./valid/images/\nnames: [cat, dog]\n',
        'names: [cat, dog]\n',
    ],
)
def test_what_data_yaml_says_of_folders(tmp_path, text):
    root = tmp_path / 'set'
    for split in ('train', 'valid'):
        photograph(root / f'{split}/images/{split}.v1.JPG', format='JPEG', seed=len(split))
        label(root / f'{split}/labels/{split}.v1.txt', *YOLO_LINES)
    (root / 'train.txt').write_text('./train/images/train.v1.JPG\n')
    (root / 'data.yaml').write_text(text)
    _, splits, _ = prepared(root)
    assert splits['train'] == {'train/images/train.v1.JPG': near(WHOLE)}
    assert splits['val'] == {'valid/images/valid.v1.JPG': near(WHOLE)}


def roboflow(root, text='train: ../train/images\nval: ../valid/images\n'):
    """Roboflow's layout, whose data.yaml names folders beside its own."""
    for split in ('train', 'valid'):
        photograph(root / f'{split}/images/{split}.png', seed=len(split))
        label(root / f'{split}/labels/{split}.txt', *YOLO_LINES)
    (root / 'data.yaml').write_text(f'{text}names: [cat, dog]\n')
    return root


@pytest.mark.parametrize(
    ('text', 'other'),
    [
        ('val: ../valid/images', 'valid/images'),
        ('val: [../valid/images]', 'valid/images'),
        ('val: ../valid/images/', 'valid'),
        ('path: sets/mine\nval: valid/images', 'sets/mine/valid/images'),
        ('val: ../val.txt', ''),
        ('val: ../valid/images', 'link'),
    ],
)
def test_a_folder_of_another_set_where_data_yaml_leads(tmp_path, monkeypatch, text, other):
    """The images of the set are taken, whatever lies beside it or where the command is called."""
    root = roboflow(tmp_path / 'mine', f'train: train/images\n{text}\n')
    photograph(tmp_path / 'other/a.png', seed=9)
    (root / 'val.txt').write_text('valid/images/valid.png\n')
    (tmp_path / 'val.txt').write_text('other/a.png\n')
    if other == 'link':
        (tmp_path / 'valid').mkdir()
        (tmp_path / 'valid/images').symlink_to(tmp_path / 'other')
    elif other:
        photograph(tmp_path / other / 'images/a.png', seed=9)
    monkeypatch.chdir(tmp_path)
    said, splits, _ = prepared(root)
    assert splits['train'] == {'train/images/train.png': near(WHOLE)}
    assert splits['val'] == {'valid/images/valid.png': near(WHOLE)}
    assert 'left out' not in said


@pytest.mark.parametrize('linked', ['image', 'folder', 'folder below', 'set'])
def test_splits_of_links(tmp_path, linked):
    root = roboflow(tmp_path / 'set')
    path = {
        'image': root / 'valid/images/valid.png',
        'folder': root / 'valid/images',
        'folder below': root / 'valid/images/more',
        'set': root,
    }[linked]
    if linked == 'folder below':
        photograph(path / 'valid.png', seed=8)
        label(root / 'valid/labels/more/valid.txt', *YOLO_LINES)
    path.rename(tmp_path / 'store')
    path.symlink_to(tmp_path / 'store')
    expected = {'valid/images/valid.png': near(WHOLE)}
    if linked == 'folder below':
        expected['valid/images/more/valid.png'] = near(WHOLE)
    assert prepared(root)[1]['val'] == expected


@pytest.mark.parametrize(
    'text',
    [
        'train: /content/cards-1/train/images\nval: /content/cards-1/valid/images\n',
        'train: cards-1/train/images\nval: cards-1/valid/images\n',
        'train: C:\\Users\\me\\cards\\train\\images\nval: C:\\Users\\me\\cards\\valid\\images\n',
        'Train: train/images\nVALID: valid/images\n',
    ],
)
def test_paths_of_other_machines_in_data_yaml(tmp_path, text):
    root = roboflow(tmp_path / 'set', text)
    photograph(root / 'images/other.png', seed=9)
    _, splits, report = prepared(root)
    assert splits == {
        split: {f'{folder}/images/{folder}.png': near(WHOLE)}
        for split, folder in (('train', 'train'), ('val', 'valid'))
    }
    assert report['files_left_out'] == {
        'images that are in no split of data.yaml': [f'{root}/images/other.png']
    }


def test_the_end_of_a_path_that_tells_of_no_split_is_not_taken(tmp_path):
    root = yolo(tmp_path / 'set', ('train',))
    (root / 'data.yaml').write_text('train: images/train\nval: /content/val/images\nnames: [cat, dog]\n')
    with pytest.raises(PreparingError, match='names /content/val/images, which is neither'):
        prepared(root)


def test_a_set_in_a_folder_of_its_own(tmp_path):
    """As an archive of Roboflow is unpacked."""
    roboflow(tmp_path / 'set/cards-1')
    assert prepared(tmp_path / 'set')[1] == {
        split: {f'cards-1/{folder}/images/{folder}.png': near(WHOLE)}
        for split, folder in (('train', 'train'), ('val', 'valid'))
    }


@pytest.mark.parametrize('text', ['', 'train: images\n'])
def test_two_sets_whose_numbers_stand_for_other_classes_are_refused(tmp_path, text):
    root = tmp_path / 'set'
    for number, (part, names) in enumerate((('a', 'cat, dog, cow'), ('b', 'dog, cat'))):
        photograph(root / f'{part}/images/{part}.png', seed=number)
        label(root / f'{part}/labels/{part}.txt', *YOLO_LINES)
        (root / f'{part}/data.yaml').write_text(f'{text}names: [{names}]\n')
    with pytest.raises(PreparingError, match=r"a/data\.yaml has 'cat' as number 0, .*b/data\.yaml has 'dog'"):
        prepared(root)
    (root / 'b/data.yaml').write_text('names: [cat, dog]\n')
    (root / 'b/z.yaml').write_text('names: 3\n')
    assert len(prepared(root)[1]['train']) == (1 if text else 2)  # each names its own images


def test_descriptions_of_other_sets_that_a_tool_brings_along_say_nothing(tmp_path):
    root = yolo(tmp_path / 'set')
    photograph(root / 'yolov5/data/images/bus.jpg', seed=9)
    (root / 'yolov5/data/coco.yaml').write_text('train: train2017.txt\nnames: {0: person, 1: bicycle}\n')
    (root / 'yolov5/requirements.txt').write_text('torch\n')
    assert prepared(root)[2]['classes'] == ['cat', 'dog']


@pytest.mark.parametrize(
    'place', ['../valid/images', 'empty', '[train/images, empty]', 'empty.txt', 'lost.txt']
)
def test_a_split_without_an_image_is_refused(tmp_path, place):
    """It would be lost, and the training images would be measured on nothing."""
    root = roboflow(tmp_path / 'set', f'train: train/images\nval: {place}\n')
    shutil.rmtree(root / 'valid')
    photograph(tmp_path / 'valid/images/a.png')
    (root / 'empty').mkdir()
    (root / 'empty.txt').write_text('\n')
    (root / 'lost.txt').write_text('valid/images/valid.png\n')
    where = tmp_path / 'valid/images' if place.startswith('..') else root / place.strip('[]').split(', ')[-1]
    with pytest.raises(
        PreparingError, match=rf'data\.yaml has val: .*, and {where} has no image of {root}: '
    ):
        prepared(root)


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('test: ../test/images', 'has test: ../test/images, where no image is'),
        ('test: empty', 'has test: empty, where no image is'),
        ('test: empty.txt', 'has test: empty.txt, where no image is'),
        ('test: [null]', 'has test: None, where no image is'),
        ("test: ''", 'names nothing for test'),
        ('test:', 'names nothing for test'),
        ('test: []', 'names nothing for test'),
    ],
)
def test_a_test_split_without_an_image_is_none(tmp_path, text, said):
    """Roboflow writes that line whether there is such a folder or not."""
    root = roboflow(tmp_path / 'set', f'train: ../train/images\nval: ../valid/images\n{text}\n')
    (root / 'empty').mkdir()
    (root / 'empty.txt').write_text('\n')
    output, splits, _ = prepared(root)
    assert set(splits) == {'train', 'val'}
    assert f'{root}/data.yaml {said}: there is no such split' in output


@pytest.mark.parametrize('key', ['train', 'val', 'test'])
def test_a_split_of_photographs_that_are_not_read_is_refused_with_the_reason(tmp_path, key):
    places = dict(train='train/images', val='valid/images') | {key: 'phone'}
    root = roboflow(tmp_path / 'set', ''.join(f'{name}: {place}\n' for name, place in places.items()))
    (root / 'phone').mkdir()
    for index in range(3):
        (root / f'phone/{index}.HEIC').write_bytes(b'heic')
    with pytest.raises(PreparingError, match=rf'{root}/phone has .* but 3 that mmdet does not read: convert'):
        prepared(root)


def test_images_and_labels_that_no_split_has_are_named(tmp_path):
    root = yolo(tmp_path / 'set', ('train', 'val', 'spare'))
    (root / 'data.yaml').write_text('train: images/train\nval: images/val\nnames: [cat, dog]\n')
    (root / 'images/train/train0.png').unlink()
    left_out = prepared(root)[2]['files_left_out']
    assert left_out == {
        'annotations without an image': [f'{root}/labels/train/train0.txt'],
        'images that are in no split of data.yaml': [f'{root}/images/spare/spare{i}.png' for i in range(2)],
    }


@pytest.mark.parametrize('names', ['classes.txt', 'obj.names', 'mine.names'])
def test_labels_beside_the_images_and_a_list_of_names(tmp_path, names):
    root = tmp_path / 'set'
    for index in range(3):
        photograph(root / f'{index}.jpg', seed=index)
    label(root / '0.txt', *YOLO_LINES)
    label(root / '1.txt')
    (root / names).write_text('cat\ndog\n\n')
    said, splits, report = prepared(root)
    assert splits['train'] == {'0.jpg': near(WHOLE), '1.jpg': [], '2.jpg': []}
    assert '1 images have no label file' in said
    assert report['splits']['train']['images_without_objects'] == 2


@pytest.mark.parametrize(
    'line',
    [
        r'.\images\{0}\a.png',
        r'images\{0}\a.png',
        r'C:\Users\me\set\images\{0}\a.png',
        '/other/machine/images/{0}/a.png',
        '../datasets/mine/images/{0}/a.png',
    ],
)
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_lists_of_other_systems_and_machines(tmp_path, line, end):
    root = tmp_path / 'set'
    for split in ('train', 'val'):
        photograph(root / f'images/{split}/a.png', seed=len(split))
        label(root / f'labels/{split}/a.txt', *YOLO_LINES)
        (root / f'{split}.txt').write_bytes(('\ufeff' + line.format(split) + end).encode())
    (root / 'data.yaml').write_text('train: train.txt\nval: val.txt\nnames: [cat, dog]\n')
    _, splits, report = prepared(root)
    assert splits == {split: {f'images/{split}/a.png': near(WHOLE)} for split in ('train', 'val')}
    assert not report['files_left_out']
    (root / 'images/val/a.png').unlink()  # that of the training is not taken in its place
    with pytest.raises(PreparingError, match=r'has val: val\.txt, and .* has no image'):
        prepared(root)


@pytest.mark.parametrize('ending', ['.png', ''])
@pytest.mark.parametrize('names', ['data.yaml', 'classes.txt'])
def test_lists_of_names_without_folders(tmp_path, ending, names):
    root = tmp_path / 'set'
    for index in range(4):
        photograph(root / f'images/{index}.png', seed=index)
        label(root / f'labels/{index}.txt', *YOLO_LINES)
    (root / names).write_text(
        'train: train.txt\nval: val.txt\nnames: [cat, dog]\n' if names == 'data.yaml' else 'cat\ndog\n'
    )
    for split, indices in (('train', (0, 2)), ('val', (1, 3))):
        (root / f'{split}.txt').write_text(''.join(f'{index}{ending}\n' for index in indices))
    splits = prepared(root)[1]
    assert splits == {
        'train': {f'images/{index}.png': near(WHOLE) for index in (0, 2)},
        'val': {f'images/{index}.png': near(WHOLE) for index in (1, 3)},
    }


def test_a_list_without_folders_takes_no_image_of_another_split(tmp_path):
    root = yolo(tmp_path / 'set')
    for split in ('train', 'val'):
        (root / f'{split}.txt').write_text(f'{split}0.png\ntrain1.png\n')
    (root / 'data.yaml').write_text('train: train.txt\nval: val.txt\nnames: [cat, dog]\n')
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'images/train/train0.png', 'images/train/train1.png'}
    assert set(splits['val']) == {'images/val/val0.png'}
    assert report['files_left_out']['images that are not there'] == [f'{root}/train1.png']


def test_labels_that_are_named_after_the_whole_name_of_an_image(tmp_path):
    root = tmp_path / 'set'
    for index, name in enumerate(('0.png.txt', '1.txt', '2.PNG.txt')):
        photograph(root / f'images/{index}.png', seed=index)
        label(root / f'labels/{name}', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    _, splits, report = prepared(root)
    assert splits['train'] == {f'images/{index}.png': near(WHOLE) for index in range(3)}
    assert not report['files_left_out']


def test_labels_that_are_corners_are_said(tmp_path):
    root = yolo(tmp_path / 'set')
    assert 'reach' not in prepared(root)[0]
    for path in root.glob('labels/*/*.txt'):
        path.write_text('0 0.1 0.15 0.4 0.75\n1 0.5 0.2 0.9 0.9\n')
    assert 'reach past the border of their image, and none would as "class x1 y1 x2 y2"' in prepared(root)[0]
    (root / 'labels/train/train0.txt').write_text('0 0.9 0.5 0.3 0.3\n')  # no corners are in that order
    assert 'none would as' not in prepared(root)[0]


def test_a_list_in_a_folder_of_its_own(tmp_path):
    root = yolo(tmp_path / 'set', ('train',))
    (root / 'lists').mkdir()
    (root / 'lists/a.txt').write_text('../images/train/train0.png\n./../images/train/train1.png\n')
    (root / 'data.yaml').write_text('train: lists/a.txt\nnames: [cat, dog]\n')
    _, splits, report = prepared(root)
    assert len(splits['train']) == 2 and not report['files_left_out']


def test_images_at_whole_paths_in_a_list(tmp_path):
    yolo(tmp_path / 'elsewhere', ('train',))
    root = tmp_path / 'set'
    root.mkdir()
    image = tmp_path / 'elsewhere/images/train/train0.png'
    (root / 'list.txt').write_text(f'{image}\n')
    (root / 'data.yaml').write_text('train: list.txt\nnames: [cat, dog]\n')
    _, splits, _ = prepared(root, format='yolo')
    assert splits['train'] == {str(image): near(WHOLE)}


@pytest.mark.parametrize(
    ('old', 'new'), [('', ''), (' ', ','), (' ', ', '), ('\n', '\r\n'), ('\n', '\n\n'), ('\n', '\r')]
)
@pytest.mark.parametrize('mark', ['', '\ufeff', '\n', '\ufeff\n'])
def test_labels_as_other_systems_write_them(tmp_path, old, new, mark):
    """What is read as a label is recognised as one."""
    root = yolo(tmp_path / 'set', ('train',), 1)
    path = root / 'labels/train/train0.txt'
    path.write_bytes((mark + path.read_text().replace(old, new)).encode())
    assert prepared(root)[1] == {'train': {'images/train/train0.png': near(WHOLE)}}


@pytest.mark.parametrize('name', ['data.yaml', 'classes.txt', 'mine.names'])
def test_names_with_a_byte_order_mark(tmp_path, name):
    root = yolo(tmp_path / 'set', ('train',), 1)
    text = 'train: images/train\r\nnames: [cat, dog]\r\n' if name == 'data.yaml' else 'cat\r\ndog\r\n'
    (root / 'data.yaml').unlink()
    (root / name).write_bytes(f'\ufeff{text}'.encode())
    assert prepared(root)[2]['classes'] == ['cat', 'dog']


def test_tables_of_pixels_beside_coco_are_no_labels(tmp_path):
    coco(tmp_path / 'set')
    label(tmp_path / 'set/annotations/0.txt', '684,8,273,116,0,0,0,0')  # VisDrone
    label(tmp_path / 'set/gt/gt.txt', '1,1,912,484,97,109,0,7,1')  # MOT
    assert prepared(tmp_path / 'set')[2]['format'] == 'COCO'


def test_polygons_and_points(tmp_path):
    import json

    root = yolo(tmp_path / 'set', ('train',), 1)
    (x1, y1, x2, y2), (w, h) = BOXES['cat'], SIZE
    corners = [(x1, y1), (x2, y1), ((x1 + x2) / 2, y2)]
    text = ' '.join(f'{x / w:.5f} {y / h:.5f}' for x, y in corners)
    label(root / 'labels/train/train0.txt', f'0 {text}', f'1 {fractions(BOXES["dog"])}')
    _, splits, _ = prepared(root)
    assert splits['train']['images/train/train0.png'] == near(WHOLE)
    entry = json.loads((tmp_path / 'set_out/train.json').read_text())['annotations'][0]
    assert entry['segmentation'] == [[pytest.approx(v, abs=0.01) for corner in corners for v in corner]]
    # The same numbers are points of a pose where data.yaml says so.
    (root / 'data.yaml').write_text('train: images/train\nkpt_shape: [1, 2]\nnames: [cat, dog]\n')
    label(root / 'labels/train/train0.txt', *(f'{line} 0.5 0.5' for line in YOLO_LINES))
    assert prepared(root)[1]['train']['images/train/train0.png'] == near(WHOLE)


def test_poses_that_would_be_read_as_polygons_are_refused(tmp_path):
    """Where a tool has written a list of the names alone, which cannot say it."""
    root = yolo(tmp_path / 'set', ('train',), 2)
    (root / 'data.yaml').unlink()
    (root / 'classes.txt').write_text('cat\ndog\n')
    poses = [f'{YOLO_LINES[0]} 0.2 0.3 2 0.3 0.5 1', f'{YOLO_LINES[1]} 0 0 0 0.7 0.5 2']
    for path in root.glob('labels/train/*'):
        label(path, *poses)
    with pytest.raises(
        PreparingError, match=r'4 labels of 11 numbers .* write kpt_shape: \[2, 3\] into data\.yaml'
    ):
        prepared(root)
    (root / 'data.yaml').write_text('train: images/train\nkpt_shape: [2, 3]\nnames: [cat, dog]\n')
    assert prepared(root)[1]['train'] == {f'images/train/train{i}.png': near(WHOLE) for i in range(2)}
    (root / 'data.yaml').unlink()
    for path in root.glob('labels/train/*'):  # polygons that touch the border
        label(path, '0 0 0.5 1 0.5 0.5 0 1 1 0.2 1', '1 0 0.5 1 0.5 0.5 0 1 0 0.2 1')
    assert len(prepared(root)[1]['train']) == 2


@pytest.mark.parametrize(
    ('lines', 'message'),
    [
        (['7 0.5 0.5 0.1 0.1'], r"line 1 of .*train0.txt is of class 7, but .* 2 names.*'cat', 'dog'"),
        (['0.5 0.5 0.5 0.1 0.1'], 'is of class 0.5'),
        (['', '-1 0.5 0.5 0.1 0.1'], 'line 2 of .* is of class -1'),
        (['0 0.5 0.5 0.1 0.1 0.93'], 'six numbers, as predictions'),
        (['0 0.5 0.5'], 'has 3 numbers'),
        (['cat 0.5 0.5 0.1 0.1'], 'is no label "class x y width height"'),
        (['0 30 20 10 10', '1 30 20 10 10'], 'none of the 2 boxes .* in pixels, where YOLO has fractions'),
    ],
)
def test_wrong_labels_are_refused(tmp_path, lines, message):
    root = yolo(tmp_path / 'set', ('train',), 2)
    if 'pixels' in message:
        label(root / 'labels/train/train1.txt')
    label(root / 'labels/train/train0.txt', *lines)
    with pytest.raises(PreparingError, match=message):
        prepared(root)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'neither data.yaml nor classes.txt'),
        ('names: [cat, dog\n', 'not readable YAML'),
        ('train: images/train\nnames: 3\n', 'no list of names'),
        ('train: images/train\nnames: [yes, no]\n', 'class name True: write it in quotes'),
        ('train: images/train\nnames: [cat, null]\n', 'class name None: write it in quotes'),
        ('train: images/train\nnames: [cat, cat ]\n', "more than one class named 'cat'"),
        ('train: list.txt\nnames: [cat, dog]\n', 'list.txt is not UTF-8'),
        ('names: !!python/object/apply:os.system ["false"]\n', 'could not determine a constructor'),
        ('train: images/nowhere\nnames: [cat, dog]\n', 'names images/nowhere, which is neither'),
    ],
)
def test_a_wrong_description_is_refused(tmp_path, text, message):
    root = yolo(tmp_path / 'set', ('train',))
    (root / 'data.yaml').unlink()
    (root / 'list.txt').write_bytes(b'caf\xe9.png\n')
    if text:
        (root / 'data.yaml').write_text(text)
    with pytest.raises(PreparingError, match=message):
        prepared(root)


def test_labels_of_images_that_are_turned_upright(tmp_path):
    """Fractions are of the upright image, which is what labelling tools and trainers show."""
    root = yolo(tmp_path / 'set', ('train',), 1)
    (root / 'images/train/train0.png').unlink()
    photograph(root / 'images/train/train0.jpg', SIZE[::-1], exif=6)
    assert prepared(root)[1]['train'] == {'images/train/train0.jpg': near(WHOLE)}


@pytest.mark.parametrize('folders', [('images/', 'labels/'), ('', ''), ('', 'labels/')])
def test_labels_in_another_case_and_of_another_system(tmp_path, folders):
    """Their images would be background."""
    root = tmp_path / 'set'
    umlauts = tuple(unicodedata.normalize(form, 'Blüte') for form in ('NFC', 'NFD'))
    names = [('IMG_1', 'img_1'), umlauts, ('a', 'a'), ('A', None)]
    for number, (image, labels) in enumerate(names):
        photograph(root / f'{folders[0]}{image}.JPG', seed=number, format='JPEG')
        if labels:
            label(root / f'{folders[1]}{labels}.txt', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    said, splits, report = prepared(root)
    assert splits['train'] == {
        f'{folders[0]}{image}.JPG': near(WHOLE) if labels else [] for image, labels in names
    }
    assert not report['files_left_out'] and '1 images have no label file' in said
    assert f'without objects: {root / folders[0]}/A.JPG' in said.replace('//', '/')


def test_an_image_in_two_splits_is_said(tmp_path):
    root = yolo(tmp_path / 'set', ('train',))
    (root / 'data.yaml').write_text('train: images/train\nval: images/train\nnames: [cat, dog]\n')
    said, splits, _ = prepared(root)
    assert splits['train'] == splits['val'] and '2 images are in more than one split' in said


def parts(root, *lists, name='classes.txt'):
    """Two parts, each with labels and a list of names, as labelImg writes it."""
    for number, (part, names) in enumerate(zip(('train', 'valid'), lists, strict=True)):
        photograph(root / f'{part}/images/{part}.png', seed=number)
        label(root / f'{part}/labels/{part}.txt', *YOLO_LINES)
        (root / f'{part}/labels/{name}').write_text('\n'.join(names))


@pytest.mark.parametrize('name', ['classes.txt', 'obj.names', 'labels.txt'])
def test_lists_of_names_that_contradict_each_other_are_refused(tmp_path, name):
    parts(tmp_path / 'set', ('cat', 'dog'), ('dog', 'cat'), name=name)
    with pytest.raises(PreparingError, match=f'{name} has the classes .* but .*{name} has .* two classes'):
        prepared(tmp_path / 'set')


def test_lists_of_other_names_that_contradict_each_other_are_refused(tmp_path):
    root = yolo(tmp_path / 'set', ('train',))
    (root / 'data.yaml').unlink()
    (root / 'labels/train/classes.txt').write_text('cat\ndog\n')
    (root / 'coco.names').write_text('person\ndog\ncat\n')  # which darknet brings along
    (root / 'obj.names').write_text('cat\ndog\ncow\n')
    assert prepared(root)[2]['classes'] == ['cat', 'dog']
    (root / 'obj.names').write_text('dog\ncat\n')
    with pytest.raises(PreparingError, match=r"obj\.names has 'dog' as number 0, .*classes\.txt as number 1"):
        prepared(root)


@pytest.mark.parametrize('lists', [(('cat', 'dog'), ('cat', 'dog')), (('cat', 'dog'), ('cat', 'dog', 'cow'))])
def test_a_list_of_names_that_goes_on_is_taken(tmp_path, lists):
    parts(tmp_path / 'set', *lists)
    _, splits, report = prepared(tmp_path / 'set')
    assert set(splits) == {'train', 'val'} and report['classes'] == ['cat', 'dog']


def darknet(root, data=None):
    """Images beside their labels in one folder, and lists of them."""
    for index in range(6):
        photograph(root / f'obj/{index}.jpg', seed=index)
        label(root / f'obj/{index}.txt', *YOLO_LINES)
    (root / 'obj.names').write_text('cat\ndog\n')
    for name, indices in (('train', range(4)), ('valid', range(4, 6))):
        (root / f'{name}.txt').write_text(''.join(f'data/obj/{index}.jpg\n' for index in indices))
    if data:
        (root / 'obj.data').write_text(data)


@pytest.mark.parametrize(
    'data',
    [
        'classes = 2\ntrain = train.txt\nvalid = valid.txt\nnames = obj.names\nbackup = backup/\n',
        'train=data/train.txt\r\nvalid=data/valid.txt\r\n',
        'train = /another/disk/train.txt\nvalid = /another/disk/valid.txt\n',
        None,
    ],
)
def test_darknets_lists_are_the_splits(tmp_path, data):
    darknet(tmp_path / 'set', data)
    splits = prepared(tmp_path / 'set')[1]
    assert splits == {
        'train': {f'obj/{index}.jpg': near(WHOLE) for index in range(4)},
        'val': {f'obj/{index}.jpg': near(WHOLE) for index in (4, 5)},
    }


def test_lists_beside_names_in_any_case(tmp_path):
    darknet(tmp_path / 'set')
    for old, new in (('train', 'Train'), ('valid', 'Validation')):
        (tmp_path / f'set/{old}.txt').rename(tmp_path / f'set/{new}.txt')
    splits = prepared(tmp_path / 'set')[1]
    assert {split: len(images) for split, images in splits.items()} == {'train': 4, 'val': 2}


def test_lists_of_a_random_split_are_the_splits(tmp_path):
    """Ultralytics' function writes them beside the folder of the images."""
    root = yolo(tmp_path / 'set')
    (root / 'data.yaml').unlink()
    (root / 'classes.txt').write_text('cat\ndog\n')
    lists = {'train': ('train0', 'val1'), 'val': ('val0',), 'test': ('train1',)}
    for split, names in lists.items():
        lines = [f'./images/{name[:-1]}/{name}.png\n' for name in names]
        (root / f'autosplit_{split}.txt').write_text(''.join(lines))
    splits = prepared(root)[1]
    assert {split: {path.split('/')[-1][:-4] for path in images} for split, images in splits.items()} == {
        split: set(names) for split, names in lists.items()
    }


def test_lists_that_somebody_has_written_go_before_those_of_a_random_split(tmp_path):
    root = yolo(tmp_path / 'set')
    (root / 'data.yaml').unlink()
    (root / 'classes.txt').write_text('cat\ndog\n')
    paths = [f'images/{name[:-1]}/{name}.png' for name in ('train0', 'train1', 'val0', 'val1')]
    for name, listed in dict(train=paths[:3], valid=paths[3:]).items():
        (root / f'{name}.txt').write_text(''.join(f'./{path}\n' for path in listed))
    for name, listed in dict(train=paths[1:], val=paths[:1]).items():
        (root / f'autosplit_{name}.txt').write_text(''.join(f'./{path}\n' for path in listed))
    splits = prepared(root)[1]
    assert {split: set(images) for split, images in splits.items()} == {
        'train': set(paths[:3]),
        'val': set(paths[3:]),
    }


@pytest.mark.parametrize(
    ('names', 'said'),
    [
        ('cat\ndog\nspare\n', True),
        ('background\ncat\ndog\n', False),
        ('__background__\ncat\ndog\n', False),
        ('cow\ncat\ndog\nbird\n', False),  # others do not occur, either
    ],
)
def test_labels_that_seem_to_count_from_one_are_said(tmp_path, names, said):
    root = yolo(tmp_path / 'set')
    (root / 'data.yaml').unlink()
    (root / 'classes.txt').write_text(names)
    for path in root.rglob('*0.txt'):
        label(path, *(f'{int(line[0]) + 1}{line[1:]}' for line in YOLO_LINES))
    for path in root.rglob('*1.txt'):
        label(path)
    text, _, report = prepared(root)
    assert ("no label is of 'cat', the first name" in text) is said and len(report['classes']) == 2


def test_images_whose_labels_are_in_another_folder_are_no_background(tmp_path):
    root = tmp_path / 'set'
    for index in range(4):
        photograph(root / f'photos/{index}.png', seed=index)
        label(root / f'{"photos" if index < 2 else "labels_my-project"}/{index}.txt', *YOLO_LINES)
    photograph(root / 'photos/empty.png', seed=9)
    (root / 'classes.txt').write_text('cat\ndog\n')
    said, splits, report = prepared(root)
    assert set(splits['train']) == {f'photos/{name}.png' for name in (0, 1, 'empty')}
    reason = 'images whose labels are neither beside them nor in labels/ for images/'
    assert report['files_left_out'][reason] == [f'{root}/photos/{index}.png' for index in (2, 3)]
    assert '1 images have no label file' in said
    photograph(root / 'labels_my-project/2.png', seed=8)  # whose they are then
    (root / 'data.yaml').write_text('train: photos\nnames: [cat, dog]\n')
    assert set(prepared(root)[1]['train']) == {f'photos/{name}.png' for name in (0, 1, 2, 'empty')}
    for path in (root / 'labels_my-project/2.png', root / 'data.yaml'):
        path.unlink()
    for index in range(2):
        (root / f'photos/{index}.txt').rename(root / f'labels_my-project/{index}.txt')
    (root / 'photos/empty.png').unlink()
    with pytest.raises(PreparingError, match=f'no image with YOLO annotations. 4 {reason}'):
        prepared(root)


def test_labels_of_a_namesake_that_is_not_there_leave_an_image_background(tmp_path):
    root = tmp_path / 'set'
    for place in (f'{split}/{{}}/{index}' for split in ('train', 'val') for index in range(3)):
        photograph(root / f'{place.format("images")}.png', seed=len(list(root.rglob('*.png'))))
        label(root / f'{place.format("labels")}.txt', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    (root / 'train/images/1.png').unlink()
    (root / 'val/labels/1.txt').unlink()
    _, splits, report = prepared(root)
    assert set(splits['val']) == {f'val/images/{index}.png' for index in range(3)}
    assert list(report['files_left_out']) == ['annotations without an image']


def test_masks_are_no_background(tmp_path):
    root = tmp_path / 'set'
    for index in range(3):
        photograph(root / f'images/{index}.jpg', seed=index)
        photograph(root / f'masks/{index}.png', seed=index + 9)
        photograph(root / f'sky/{index + 2}.jpg', seed=index + 19)  # one of which is a namesake only
        photograph(root / f'test/{index}.jpg', seed=index + 29)  # numbered anew
        label(root / f'labels/{index}.txt', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    _, splits, report = prepared(root)
    assert set(splits['train']) == {
        f'{folder}.jpg' for i in range(3) for folder in (f'images/{i}', f'sky/{i + 2}')
    }
    assert set(splits['test']) == {f'test/{index}.jpg' for index in range(3)}
    (masks,) = report['files_left_out'].items()
    assert masks == (
        'images of a folder without labels that has only namesakes of labelled ones',
        [f'{root}/masks/{index}.png' for index in range(3)],
    )
    (root / 'data.yaml').write_text('train: [images, masks]\nnames: [cat, dog]\n')  # who says so means it
    assert len(prepared(root)[1]['train']) == 6


def test_a_list_of_darknet_that_is_not_here_is_said(tmp_path):
    darknet(tmp_path / 'set', 'train = train.txt\nvalid = lost.txt\n')
    said, splits, report = prepared(tmp_path / 'set')
    assert (
        'obj.data has valid = lost.txt, which is no list of images that are here' in said
        and len(splits['train']) == 4
    )
    assert report['files_left_out'] == {
        'images that are in no split of obj.data': [f'{tmp_path}/set/obj/{index}.jpg' for index in (4, 5)]
    }


def test_names_that_darknets_data_file_names_are_taken_and_an_empty_list_is_none(tmp_path):
    darknet(tmp_path / 'set', 'train = train.list\nvalid = valid.txt\nnames = obj.names\n')
    (tmp_path / 'set/train.txt').rename(tmp_path / 'set/train.list')
    (tmp_path / 'set/coco.names').write_text('person\nbicycle\ncar\n')
    (tmp_path / 'set/another.data').write_text('train = trainvalno5k.txt\nvalid = 5k.txt\n')  # of another set
    (tmp_path / 'set/model.data').write_bytes(bytes(range(256)))
    _, splits, report = prepared(tmp_path / 'set')
    assert {name: len(images) for name, images in splits.items()} == {'train': 4, 'val': 2}
    assert report['classes'] == ['cat', 'dog']


@pytest.mark.parametrize(
    ('name', 'content'),
    [
        ('test.txt', 'images/val/val0.png\n'),  # without a list for training the folders say it
        ('train.txt', ''),
        ('train.txt', '/another/disk/lost.jpg\n'),
        ('test.txt', 'Straße'.encode('latin-1')),
        ('labels/val/classes.txt', ''),
        ('labels.txt', 'Straße'.encode('latin-1')),
    ],
)
def test_other_text_beside_folders_of_splits_is_no_list(tmp_path, name, content):
    root = yolo(tmp_path / 'set')
    (root / 'data.yaml').unlink()
    (root / 'classes.txt').write_text('cat\ndog\n')
    (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert {split: len(images) for split, images in prepared(root)[1].items()} == {'train': 2, 'val': 2}


@pytest.mark.parametrize(
    ('turn', 'said'), [(6, 'lie on their side'), (3, 'turned by 180 degrees'), (1, None)]
)
def test_photographs_that_are_turned_are_named_as_labels_have_no_size(tmp_path, turn, said):
    root = tmp_path / 'set'
    for index in range(2):
        photograph(root / f'{index}.jpg', seed=index, format='JPEG', exif=turn if index else 1)
        label(root / f'{index}.txt', *YOLO_LINES)
    (root / 'classes.txt').write_text('cat\ndog\n')
    _, _, report = prepared(root)
    notes = [note for note in report['notes'] if 'where the objects are' in note]
    assert len(notes) == bool(said)
    for note in notes:
        assert note.startswith('1 images') and said in note and '1.jpg' in note


def test_images_that_share_a_label_file_are_left_out_and_named(tmp_path):
    root = yolo(tmp_path / 'set')
    photograph(root / 'images/train/train0.jpg', seed=99, format='JPEG')
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'images/train/train1.png'}
    left = report['files_left_out']['images that share a label file with another image']
    assert len(left) == 2 and all('train0.' in line for line in left) and len(report['files_left_out']) == 1


@pytest.mark.parametrize('link', [True, False])
def test_of_an_image_that_is_there_twice_one_is_kept(tmp_path, link):
    root = yolo(tmp_path / 'set')
    first, second = root / 'images/train/train0.png', root / 'images/train/train0.jpeg'
    if link:
        second.symlink_to(first.name)
    else:
        shutil.copy(first, second)
    _, splits, report = prepared(root)
    assert len(splits['train']) == 2
    assert [len(paths) for paths in report['files_left_out'].values()] == [1]
    assert list(report['files_left_out']) == ['images that are there twice']


@pytest.mark.parametrize(
    ('text', 'names', 'message'),
    [
        ('names: [cat, dog]\n', 'dog\ncat\n', "classes.txt has 'dog' as number 0, .*data.yaml as number 1"),
        ('nc: 3\nnames: [cat, dog]\n', '', 'data.yaml has nc: 3, but 2 names'),
    ],
)
def test_names_that_contradict_data_yaml_are_refused(tmp_path, text, names, message):
    root = roboflow(tmp_path / 'set')
    (root / 'data.yaml').write_text(f'train: train/images\nval: valid/images\n{text}')
    (root / 'classes.txt').write_text(names)
    with pytest.raises(PreparingError, match=message):
        prepared(root)


@pytest.mark.parametrize('names', ['cat\ndog\nbird\n', 'person\nbicycle\n', 'cat\ndog\ncat\n'])
def test_a_list_beside_data_yaml_that_says_nothing_else_is_none(tmp_path, names):
    """labelImg writes one, with classes of its own."""
    root = roboflow(tmp_path / 'set')
    (root / 'classes.txt').write_text(names)
    (root / 'old').mkdir()
    (root / 'old/classes.txt').write_text('dog\ncat\n')  # without labels
    (root / 'names.txt').write_bytes('Müller\n'.encode('latin-1'))
    assert prepared(root)[2]['classes'] == ['cat', 'dog']


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'0 0,51 0,4 0,2 0,1', r"0\.txt is none of them, it begins with '0 0,51 .*: export it anew"),
        ('0 0.5 0.4 0.2 0.1'.encode('utf-16'), r'0\.txt is in UTF-16: save it as UTF-8'),
    ],
)
def test_labels_that_are_none_are_shown(tmp_path, content, message):
    photograph(tmp_path / 'set/0.png')
    (tmp_path / 'set/0.txt').write_bytes(content)
    (tmp_path / 'set/classes.txt').write_text('cat\ndog\n')
    with pytest.raises(PreparingError, match=message):
        prepared(tmp_path / 'set')
