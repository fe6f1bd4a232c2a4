"""COCO's JSON in the layouts that people have."""

import json

import pytest
from photographs import SIZE, WHOLE, coco, photograph, prepared, write

from mmdet_multimix.preparing import PreparingError

CATS_FIRST = WHOLE


def test_cocos_own_layout(tmp_path):
    root = tmp_path / 'set'
    coco(root)
    coco(root, 1, 'annotations/instances_val2017.json', 'val2017')
    write(root / 'annotations/person_keypoints_val2017.json', coco(root, 1, 'x/y.json', 'val2017'))
    (root / 'x/y.json').unlink()
    write(root / 'annotations/captions_val2017.json', dict(images=[], annotations=[dict(caption='a')]))
    _, splits, report = prepared(root)
    assert splits == {'train': {f'train/{i}.png': WHOLE for i in range(2)}, 'val': {'val2017/0.png': WHOLE}}
    assert report['classes'] == ['cat', 'dog']  # in the order of the file


def test_roboflows_layout_with_a_category_of_nothing(tmp_path):
    root = tmp_path / 'set'
    for split, count in (('train', 3), ('valid', 1), ('test', 1)):
        content = coco(root, count, f'{split}/_annotations.coco.json', split)
        content['categories'].insert(0, dict(id=0, name='animals', supercategory='none'))
        write(root / f'{split}/_annotations.coco.json', content)
    said, splits, report = prepared(root)
    assert {name: len(images) for name, images in splits.items()} == {'train': 3, 'val': 1, 'test': 1}
    assert report['classes'] == ['cat', 'dog'] and "classes without a box are left out: 'animals'" in said


def test_a_category_of_nothing_with_the_name_of_a_class(tmp_path):
    """Roboflow lists the project's name first, which is often that of its only class."""
    root = tmp_path / 'set'
    content = coco(root, 2, 'train/_annotations.coco.json')
    content['categories'].insert(0, dict(id=0, name='cat', supercategory='none'))
    write(root / 'train/_annotations.coco.json', content)
    _, splits, report = prepared(root)
    assert splits['train'] == {f'train/{i}.png': WHOLE for i in range(2)} and report['classes'] == [
        'cat',
        'dog',
    ]


def test_a_split_without_objects_whose_categories_have_one_name(tmp_path):
    root = tmp_path / 'set'
    for split in ('train', 'valid'):
        content = coco(root, 2, f'{split}/_annotations.coco.json', split)
        content['categories'].insert(0, dict(id=0, name='cat', supercategory='none'))
        content['annotations'] = content['annotations'] if split == 'train' else []
        write(root / f'{split}/_annotations.coco.json', content)
    _, splits, report = prepared(root)
    assert splits['val'] == {f'valid/{i}.png': [] for i in range(2)} and report['classes'] == ['cat', 'dog']


def test_objects_that_are_all_crowds_are_refused_with_the_reason(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 2)
    for entry in content['annotations']:  # as CVAT writes masks
        entry.update(iscrowd=1, segmentation=dict(counts=[0, 10, 2390], size=[40, 60]))
    write(root / 'annotations/instances_train.json', content)
    with pytest.raises(PreparingError, match=r'train: all 4 objects are crowds .* write iscrowd: 0'):
        prepared(root)


@pytest.mark.parametrize('name', ['{}', './{}', 'train\\{}', '/wrong/disk/{}', '{root}/train/{}'])
def test_where_the_names_of_images_lead(tmp_path, name):
    root = tmp_path / 'set'
    content = coco(root, 2, 'labels/mine.json')
    for image in content['images']:
        image['file_name'] = name.format(image['file_name'], root=root)
    write(root / 'labels/mine.json', content)
    assert prepared(root)[1] == {'train': {f'train/{i}.png': WHOLE for i in range(2)}}


def test_what_is_missing_is_computed_or_said(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 3)
    del content['annotations'][0]['area']
    content['annotations'][1]['iscrowd'] = 1
    content['annotations'].append(dict(content['annotations'][0], id=77, category_id=99))
    content['annotations'].append(dict(content['annotations'][0], id=78, image_id=99))
    content['annotations'][2]['bbox'][2] = -4
    content['images'].append(dict(id=9, file_name='lost.png', width=5, height=5))
    del content['images'][0]['width']
    write(root / 'annotations/instances_train.json', content)
    said, splits, report = prepared(root)
    assert splits['train']['train/0.png'] == [WHOLE[0], (*WHOLE[1][:2], 1)]
    assert splits['train']['train/1.png'] == WHOLE[1:]
    assert 'category id 99' in said and 'of images that it does not list' in said
    (lost,) = report['files_left_out']['images that are listed and not there']
    assert lost.startswith('lost.png (')


@pytest.mark.parametrize('name', [None, 12, '', '..', 'a\0b.png', 'a' * 4000 + '.png', '/etc/hostname'])
def test_a_name_that_leads_to_no_image(tmp_path, name):
    root = tmp_path / 'set'
    content = coco(root, 3)
    content['images'][1]['file_name'] = name
    write(root / 'annotations/instances_train.json', content)
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'train/0.png', 'train/2.png'} and len(report['files_left_out']) == 2


def test_segmentations_and_more_stay(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 1)
    more = dict(segmentation=[[5, 6, 25, 6, 25, 30]], attributes=dict(colour='red'))
    content['annotations'][0].update(more)
    write(root / 'annotations/instances_train.json', content)
    prepared(root)
    entry = json.loads((tmp_path / 'set_out/train.json').read_text())['annotations'][0]
    assert entry == {**entry, **more}


@pytest.mark.parametrize('head', ['\ufeff', '\ufeff\r\n', '\n'])
def test_a_file_with_a_byte_order_mark(tmp_path, head):
    root = tmp_path / 'set'
    coco(root)
    path = root / 'annotations/instances_train.json'
    path.write_bytes((head + path.read_text().replace('], ', '],\r\n')).encode())
    assert prepared(root)[1] == {'train': {f'train/{i}.png': WHOLE for i in range(2)}}
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(PreparingError, match=r'instances_train\.json cannot be read as COCO'):
        prepared(root)


def written(root):
    return json.loads((root.parent / f'{root.name}_out/train.json').read_text())['annotations']


@pytest.mark.parametrize(
    ('box', 'area', 'kept'),
    [
        ([5, 6, 20, 24], 300, 300),  # of the outline
        ([5, 6, 20, 24], 900.5, 900.5),
        ([-0.4, 6, 20, 24], 300, 300),  # cut by a rounding only
        ([-5, 6, 20, 24], 300, 300),
        ([-5, 6, 20, 24], 450, 15 * 24),  # what is inside is smaller than that
        ([5, 6, 20, 24], 0, 20 * 24),
        ([5, 6, 20, 24], -1, 20 * 24),
        ([5, 6, 20, 24], float('nan'), 20 * 24),
        ([5, 6, 20, 24], float('inf'), 20 * 24),
        ([5, 6, 20, 24], None, 20 * 24),
    ],
)
def test_the_area_of_an_outline_stays(tmp_path, box, area, kept):
    """By it mmdet measures small, medium and large objects."""
    root = tmp_path / 'set'
    content = coco(root, 1)
    content['annotations'][0].update(bbox=box, area=area)
    write(root / 'annotations/instances_train.json', content)
    prepared(root)
    assert [entry['area'] for entry in written(root)] == [kept, 25 * 28]


@pytest.mark.parametrize('turn', [1, 3, 6])
def test_what_is_lost_where_an_image_is_turned_is_said(tmp_path, turn):
    root = tmp_path / 'set'
    content = coco(root, 1)
    photograph(root / 'train/0.jpg', exif=turn)
    content['images'][0]['file_name'] = '0.jpg'
    more = dict(segmentation=[[5, 6, 25, 6, 25, 30]], keypoints=[])
    content['annotations'][0].update(more, area=240)
    write(root / 'annotations/instances_train.json', content)
    said, _, report = prepared(root)
    first, second = written(root)
    assert (first['area'], second['area']) == (240, 25 * 28)
    is_lost = turn == 6
    assert ('segmentation' in first) != is_lost
    line = 'objects on images that are turned keep their box and area, and lose what is not turned: segmentation 1'
    assert (line in report['notes']) == (line in said) == is_lost


@pytest.mark.parametrize('value', ['0', '0.0', 'false', '', False, None])
def test_crowds_in_any_spelling(tmp_path, value):
    content = coco(tmp_path / 'set')
    for entry in content['annotations']:
        entry.update(iscrowd=value, ignore=value)
    content['annotations'][0]['iscrowd'] = '1'
    write(tmp_path / 'set/annotations/instances_train.json', content)
    assert prepared(tmp_path / 'set')[1]['train'] == {
        'train/0.png': [(*WHOLE[0][:2], 1), WHOLE[1]],
        'train/1.png': WHOLE,
    }


@pytest.mark.parametrize(
    ('more', 'box'),
    [
        (dict(attributes=dict(occluded=False, rotation=90.0)), (20, 5, 30, 35)),
        (dict(attributes=dict(rotation=90.0), segmentation=[]), (20, 5, 30, 35)),
        (dict(attributes=dict(rotation=90.0), segmentation=[[10, 15, 40, 15, 40, 25]]), (10, 15, 40, 25)),
        (dict(attributes=dict(rotation=0.0)), (10, 15, 40, 25)),
        (dict(attributes=['rotation']), (10, 15, 40, 25)),
    ],
)
def test_rotated_boxes_become_the_upright_ones_around_them(tmp_path, more, box):
    """CVAT writes the box before it is rotated, and beside it by how much it is."""
    content = coco(tmp_path / 'set', 1)
    content['annotations'][0].update(bbox=[10, 15, 30, 10], area=300, **more)
    write(tmp_path / 'set/annotations/instances_train.json', content)
    said, splits, _ = prepared(tmp_path / 'set')
    assert splits['train']['train/0.png'] == [('cat', pytest.approx(box), 0), WHOLE[1]]
    assert ('1 boxes were drawn rotated' in said) == (box == (20, 5, 30, 35))


@pytest.mark.parametrize('kind', [int, float, str, lambda side: f'{side}.0'])
def test_sizes_in_any_spelling_are_compared(tmp_path, kind):
    content = coco(tmp_path / 'set')
    for image, factor in zip(content['images'], (1, 2), strict=True):
        image.update(width=kind(SIZE[0] * factor), height=kind(SIZE[1] * factor))
    write(tmp_path / 'set/annotations/instances_train.json', content)
    said, splits, _ = prepared(tmp_path / 'set')
    assert set(splits['train']) == {'train/0.png'} and '1 images that are not as large' in said


def test_boxes_that_are_corners_are_said(tmp_path):
    content = coco(tmp_path / 'set')
    write(tmp_path / 'set/annotations/instances_train.json', content)
    assert 'reach' not in prepared(tmp_path / 'set')[0]
    for entry in content['annotations']:
        x, y, w, h = entry['bbox']
        entry['bbox'] = [x, y, x + w, y + h]
    write(tmp_path / 'set/annotations/instances_train.json', content)
    said = prepared(tmp_path / 'set')[0]
    assert 'reach past the border of their image, and none would as [x1, y1, x2, y2]' in said


def test_annotation_ids_of_files_that_were_joined(tmp_path):
    content = coco(tmp_path / 'set')
    path = tmp_path / 'set/annotations/instances_train.json'
    write(path, content)
    boxes = prepared(tmp_path / 'set')[2]['splits']['train']['boxes']
    for entry in content['annotations']:
        entry['id'] %= 2
    write(path, content)
    assert prepared(tmp_path / 'set')[2]['splits']['train']['boxes'] == boxes
    written = json.loads((tmp_path / 'set_out/train.json').read_text())['annotations']
    assert len({entry['id'] for entry in written}) == len(written) == sum(boxes.values())


def test_a_file_in_utf_16_is_named(tmp_path):
    content = coco(tmp_path / 'set')
    path = tmp_path / 'set/annotations/instances_train.json'
    path.write_bytes(json.dumps(content).encode('utf-16'))
    with pytest.raises(PreparingError, match=f"{path} cannot be read as COCO annotations: 'utf-8' codec"):
        prepared(tmp_path / 'set')


def test_categories_that_differ_by_case_only_are_said(tmp_path):
    content = coco(tmp_path / 'set')
    content['categories'].append(dict(id=7, name='Cat'))
    content['annotations'][0]['category_id'] = 7
    write(tmp_path / 'set/annotations/instances_train.json', content)
    said, _, report = prepared(tmp_path / 'set')
    assert "'cat', 'Cat' read alike and are 2 classes" in said and len(report['classes']) == 3
    _, _, report = prepared(tmp_path / 'set', classes=['cat', 'dog'])
    assert report['splits']['train']['boxes'] == dict(cat=2, dog=2)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda c: c['images'][1].update(id=0), 'image ids of .* are given twice'),
        (
            lambda c: [a.update(category_id=a['category_id'] - 1) for a in c['annotations']],
            'no object is marked .* have the category id 0',
        ),
        (lambda c: [a.pop('bbox') for a in c['annotations']], 'have no box'),
        (lambda c: c.update(categories=dict(cat=1)), 'it has no list of categories'),
        (lambda c: c['categories'][0].update(name=None), 'class name None'),
        (lambda c: c['images'][0].update(id=[1]), 'unhashable'),
        (lambda c: c['annotations'].append(5), r"annotations\[8\] has no 'id'"),
        (lambda c: c['categories'][0].update(name='cat'), "more than one category named 'cat'"),
        (lambda c: c['categories'][0].update(id=3), "the category id 3 for 'cat', 'dog'"),
        (lambda c: c['annotations'][0].pop('image_id'), r"annotations\[0\] has no 'image_id'"),
        (lambda c: c['images'][1].update(file_name='0.png'), 'is annotated twice'),
        (lambda c: c['annotations'].clear(), 'no object is marked in any of the 4 images'),
        (lambda c: [i.update(width=640, height=480) for i in c['images']], 'no image is left: 4 images that'),
    ],
)
def test_what_does_not_say_what_it_should_is_refused(tmp_path, change, message):
    content = coco(tmp_path / 'set', 4)
    content['categories'] = [dict(id=1, name='dog'), dict(id=3, name='cat')]
    change(content)
    write(tmp_path / 'set/annotations/instances_train.json', content)
    with pytest.raises(PreparingError, match=message):
        prepared(tmp_path / 'set')


def test_a_file_that_was_refused_is_read_again(tmp_path):
    """In a notebook the same process reads what a user has corrected."""
    content = coco(tmp_path / 'set')
    path = tmp_path / 'set/annotations/instances_train.json'
    write(path, {**content, 'images': [dict(image, id='a') for image in content['images']]})
    with pytest.raises(PreparingError, match=r'image ids of .* are given twice'):
        prepared(tmp_path / 'set')
    write(path, content)
    assert len(prepared(tmp_path / 'set')[1]['train']) == 2


def test_a_file_that_is_cut_off(tmp_path):
    coco(tmp_path / 'set')
    path = tmp_path / 'set/annotations/instances_train.json'
    path.write_text(path.read_text()[:300])
    with pytest.raises(PreparingError, match=r'instances_train\.json cannot be read as COCO'):
        prepared(tmp_path / 'set')


def test_an_image_of_another_shape(tmp_path):
    coco(tmp_path / 'set', 3)
    photograph(tmp_path / 'set/train/1.png', SIZE[::-1])
    _, splits, report = prepared(tmp_path / 'set')
    assert len(splits['train']) == 2 and '40 x 60, not 60 x 40' in str(report['files_left_out'])


def test_maps_of_panoptic_segmentation_are_no_images(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 2, folder='train2017')
    for image in content['images']:
        photograph(root / f'annotations/panoptic/{image["file_name"]}', seed=5)
        stem = image['file_name'].removesuffix('.png')
        (root / f'train2017/{stem}.png').rename(root / f'train2017/{stem}.jpg')
        image['file_name'] = f'{stem}.jpg'
    write(root / 'annotations/instances_train.json', content)
    assert prepared(root)[1] == {'train': {f'train2017/{i}.jpg': WHOLE for i in range(2)}}


def cameras(root, names, there, folder=''):
    """A file that lists images in folders, of which some are there."""
    content = coco(root, len(names), f'{folder}annotations.json', 'x')
    for image, name in zip(content['images'], names, strict=True):
        image['file_name'] = name
    write(root / f'{folder}annotations.json', content)
    for index in range(len(names)):
        (root / f'x/{index}.png').unlink()
    for index, name in enumerate(there):
        photograph(root / 'images' / name, seed=index)


NAMES = [f'cam{camera}/{index}.png' for camera in (1, 2) for index in range(2)]


@pytest.mark.parametrize('before', ['', 'D:\\work\\', '/another/disk/', '../photographs/'])
def test_the_folders_of_a_list_tell_images_apart(tmp_path, before):
    root = tmp_path / 'set'
    cameras(root, [before + name for name in NAMES], NAMES, 'labels/')
    assert set(prepared(root)[1]['train']) == {f'images/{name}' for name in NAMES}


@pytest.mark.parametrize('folder', ['', 'images/', 'labels/'])
def test_an_image_of_another_folder_is_not_taken_for_one_that_is_missing(tmp_path, folder):
    root = tmp_path / 'set'
    cameras(root, NAMES[:3], [NAMES[0], *NAMES[2:]], folder)
    _, splits, report = prepared(root)
    assert set(splits['train']) == {f'images/{name}' for name in (NAMES[0], NAMES[2])}
    (lost,) = report['files_left_out']['images that are listed and not there']
    assert lost.startswith('cam1/1.png (')


@pytest.mark.parametrize('folder', ['', 'images/'])
def test_an_image_of_another_split_is_not_taken_for_one_that_is_missing(tmp_path, folder):
    """As frames are called alike in each split, and lists beside them name no folder that tells of it."""
    root = tmp_path / 'set'
    for split, number in (('train', 3), ('valid', 2)):
        content = coco(root, number, f'{split}/_annotations.coco.json', f'{split}/{folder}')
        for image in content['images']:
            photograph(root / f'{split}/{folder}{image["file_name"]}', seed=image['id'] + 9 * number)
            image['file_name'] = folder + image['file_name']
        write(root / f'{split}/_annotations.coco.json', content)
    (root / f'train/{folder}1.png').unlink()
    said, splits, report = prepared(root)
    assert {split: set(images) for split, images in splits.items()} == {
        'train': {f'train/{folder}0.png', f'train/{folder}2.png'},
        'val': {f'valid/{folder}0.png', f'valid/{folder}1.png'},
    }
    assert 'more than one split' not in said
    assert report['files_left_out'] == {
        'images that are listed and not there': [f'{folder}1.png ({root}/train/_annotations.coco.json)']
    }


def test_lists_that_split_anew_what_is_in_folders_of_splits(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 4, 'x.json', 'train')
    (root / 'x.json').unlink()
    (root / 'val').mkdir()
    (root / 'train/3.png').rename(root / 'val/3.png')
    for name, ids in (('train', (0, 3)), ('val', (1, 2))):
        images = [image for image in content['images'] if image['id'] in ids]
        write(root / f'{name}.json', {**content, 'images': images})
    splits = prepared(root)[1]
    assert {split: set(images) for split, images in splits.items()} == {
        'train': {'train/0.png', 'val/3.png'},
        'val': {'train/1.png', 'train/2.png'},
    }


def test_every_file_of_boxes_is_read_and_a_companion_named(tmp_path):
    root = tmp_path / 'set'
    coco(root, 2)
    coco(root, 1, 'annotations/val.json', 'val')
    write(
        root / 'annotations/person_keypoints_train.json',
        coco(root, 2, 'annotations/person_keypoints_train.json'),
    )
    _, splits, report = prepared(root)
    assert {name: len(images) for name, images in splits.items()} == {'train': 2, 'val': 1}
    (files,) = report['files_left_out'].values()
    assert files == [f'{root}/annotations/person_keypoints_train.json']


def test_keypoints_alone_are_read(tmp_path):
    root = tmp_path / 'set'
    coco(root, 2, 'annotations/person_keypoints_train.json')
    assert len(prepared(root)[1]['train']) == 2


def test_names_that_differ_by_case_only(tmp_path):
    root = tmp_path / 'set'
    cameras(root, ['A.png', 'a.png', 'b.png', 'b.PNG'], ['A.png', 'a.png', 'b.png', 'b.PNG'], 'labels/')
    assert set(prepared(root)[1]['train']) == {
        f'images/{name}' for name in ('A.png', 'a.png', 'b.png', 'b.PNG')
    }


def test_an_image_of_something_else_in_a_folder_of_that_name_does_not_matter(tmp_path):
    root = tmp_path / 'set'
    cameras(root, ['photos/0.png', 'photos/1.png'], ['0.png', '1.png'], 'labels/')
    photograph(root / 'docs/photos/logo.png')
    assert set(prepared(root)[1]['train']) == {'images/0.png', 'images/1.png'}


def test_several_images_of_a_name_of_which_none_fits_better_are_said(tmp_path):
    root = tmp_path / 'set'
    coco(root, 2, folder='images')
    for index in range(2):
        photograph(root / f'masks/{index}.png', seed=index + 9)
    with pytest.raises(PreparingError, match='2 images that are listed without the folder that tells which'):
        prepared(root)
    (root / 'masks/1.png').unlink()
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'images/1.png'} and 'not there' not in str(report['files_left_out'])


def test_an_image_whose_folder_is_missing_is_not_there_though_others_have_its_name(tmp_path):
    root = tmp_path / 'set'
    content = coco(root, 3)
    for index, image in enumerate(content['images']):
        image['file_name'] = f'film{index}/0001.png'
        (root / f'film{index}').mkdir()
        (root / f'train/{index}.png').rename(root / image['file_name'])
    write(root / 'annotations/instances_train.json', content)
    (root / 'film2/0001.png').unlink()
    _, splits, report = prepared(root)
    assert set(splits['train']) == {f'film{index}/0001.png' for index in range(2)}
    assert list(report['files_left_out']) == ['images that are listed and not there']


def test_companions_that_were_unpacked_beside(tmp_path):
    root = tmp_path / 'set'
    coco(root, 2)
    write(root / 'stuff/annotations/stuff_train.json', coco(root, 2, 'stuff/annotations/stuff_train.json'))
    assert len(prepared(root)[1]['train']) == 2


@pytest.mark.parametrize('box', [None, [None, 1, 20, 30], 'abcd', [1, 2, 3], [1, 2, float('nan'), 4]])
def test_an_object_without_a_box_is_left_out_as_in_other_formats(tmp_path, box):
    root = tmp_path / 'set'
    coco(root)
    path = root / 'annotations/instances_train.json'
    content = json.loads(path.read_text())
    content['annotations'][0].update(bbox=box)
    content['annotations'][0].pop('area', None)
    path.write_text(json.dumps(content))
    _, splits, report = prepared(root)
    assert sum(map(len, splits['train'].values())) == len(content['annotations']) - 1
    assert 'without a box' in json.dumps(report)
    for entry in content['annotations']:
        entry.update(bbox=box)
    path.write_text(json.dumps(content))
    with pytest.raises(PreparingError, match='have no box'):
        prepared(root)


@pytest.mark.parametrize('box', [None, [], [None] * 4])
@pytest.mark.parametrize('some', [True, False])
def test_the_box_around_an_outline_is_taken_where_there_is_none(tmp_path, box, some):
    root = tmp_path / 'set'
    content = coco(root)
    for entry in content['annotations'][: 1 if some else None]:
        x, y, w, h = entry['bbox']
        entry['segmentation'] = [[x, y, x + w, y, x, y + 3], [x + 2, y + 2, x + 3, y + h, x + 4, y + 4]]
        entry.update(bbox=box, area=17)
    write(root / 'annotations/instances_train.json', content)
    said, splits, _ = prepared(root)
    assert splits['train'] == {f'train/{i}.png': WHOLE for i in range(2)}
    assert f'{1 if some else 4} objects of' in said and 'an outline and no box' in said
    written = json.loads((root.parent / 'set_out/train.json').read_text())
    assert written['annotations'][0]['area'] == 17


@pytest.mark.parametrize(
    'outline', [dict(counts=[0, 9], size=[3, 3]), [[]], [[1, 2]], [[1, 2, 3, 4, 5, 'x']], [[1] * 7], 'abc']
)
def test_what_is_no_polygon_gives_no_box(tmp_path, outline):
    root = tmp_path / 'set'
    content = coco(root)
    content['annotations'][0].update(bbox=[], segmentation=outline)
    write(root / 'annotations/instances_train.json', content)
    assert 'without a box' in prepared(root)[0]


def test_numbers_that_are_text_are_read(tmp_path):
    root = tmp_path / 'set'
    content = coco(root)
    for entry in content['annotations']:
        entry.update(bbox=[f'{side}.0' for side in entry['bbox']], area='17.5')
    write(root / 'annotations/instances_train.json', content)
    said, splits, _ = prepared(root)
    assert splits['train'] == {f'train/{i}.png': WHOLE for i in range(2)} and 'outline' not in said
    written = json.loads((root.parent / 'set_out/train.json').read_text())
    assert {entry['area'] for entry in written['annotations']} == {17.5}


@pytest.mark.parametrize(
    ('name', 'file'),
    [
        ('my%20photo%20{}.png', 'my photo {}.png'),
        ('/data/local-files/?d=my%20photos/{}.png', '{}.png'),
        ('/data/local-files/?d={}%C3%A9.png', '{}é.png'),
        ('a%2F{}%26.png', '{}&.png'),
        ('https://a.b/c/{}.png?Expires=17&d=/x.y', '{}.png'),
        ('100%{}.png', '100%{}.png'),  # as it is called
        ('a%20{}.png', 'a%20{}.png'),
        ('a?b=c&{}.png', 'a?b=c&{}.png'),
    ],
)
def test_names_that_are_addresses(tmp_path, name, file):
    root = tmp_path / 'set'
    content = coco(root)
    for index, image in enumerate(content['images']):
        image['file_name'] = name.format(index)
        (root / f'train/{index}.png').rename(root / 'train' / file.format(index))
    write(root / 'annotations/instances_train.json', content)
    assert prepared(root)[1] == {'train': {f'train/{file.format(i)}': WHOLE for i in range(2)}}


@pytest.mark.parametrize('name', ['date=1/{}.png', 'a%20b/{}.png', 'me&you/c={}.png'])
def test_images_outside_of_the_folder_may_be_called_like_an_address(tmp_path, name):
    root = tmp_path / 'set'
    content = coco(root)
    for index, image in enumerate(content['images']):
        there = tmp_path / 'photos' / name.format(index)
        there.parent.mkdir(parents=True, exist_ok=True)
        image['file_name'] = str((root / f'train/{index}.png').rename(there))
    write(root / 'annotations/instances_train.json', content)
    assert set(prepared(root)[1]['train']) == {image['file_name'] for image in content['images']}


@pytest.mark.parametrize('name', ['salt&pepper.png', 'train/id=pepper.png', 'salt?pepper.png'])
def test_an_image_that_is_called_like_an_address_and_not_there_is_no_other(tmp_path, name):
    root = tmp_path / 'set'
    content = coco(root)
    content['images'][0]['file_name'] = name
    (root / 'train/0.png').rename(root / 'train/pepper.png')
    write(root / 'annotations/instances_train.json', content)
    _, splits, report = prepared(root)
    assert set(splits['train']) == {'train/1.png'}
    assert name in report['files_left_out']['images that are listed and not there'][0]


def test_an_image_that_is_listed_again_as_joined_files_do_is_one(tmp_path):
    root = tmp_path / 'set'
    content = coco(root)
    content['images'].append(dict(content['images'][0]))
    write(root / 'annotations/instances_train.json', content)
    assert prepared(root)[1] == {'train': {f'train/{i}.png': WHOLE for i in range(2)}}


def test_categories_that_are_names_alone(tmp_path):
    root = tmp_path / 'set'
    coco(root)
    path = root / 'annotations/instances_train.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), 'categories': ['cat', 'dog']}))
    with pytest.raises(PreparingError, match='its categories must be like'):
        prepared(root)
