"""What mmdet drops or misreads in COCO's format, held against the real ``CocoDataset``."""

import json
from pathlib import Path

import pytest
from checking import error_of, training_on
from mmdet.registry import DATASETS
from mmengine.config import Config
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config, check_data
from mmdet_multimix.checks.coco_content import kept_boxes


@pytest.fixture
def dataset(tmp_path):
    return coco_with(tmp_path / 'coco')


def change(dataset, edit):
    """Edit the content of the annotation file."""
    path = f'{dataset["data_root"]}/ann.json'
    with open(path) as file:
        content = json.load(file)
    edit(content)
    with open(path, 'w') as file:
        json.dump(content, file)
    return content


def every_box(**values):
    def edit(content):
        for annotation in content['annotations']:
            annotation.update(values)

    return edit


def one_box(**values):
    return lambda content: content['annotations'][0].update(values)


def learnt(dataset):
    """How many boxes mmdet itself learns from."""
    data = DATASETS.build(dict(dataset, filter_cfg=dict(filter_empty_gt=False)))
    return sum(
        not one['ignore_flag'] for index in range(len(data)) for one in data.get_data_info(index)['instances']
    )


DROPPED = {
    'with an area of 0': dict(area=0),
    'with coordinates in 0..1, not in pixels': dict(bbox=[0.1, 0.2, 0.3, 0.4]),
    'of negative size': dict(bbox=[8, 8, -4, -4]),
    'crowds or difficult': dict(iscrowd=1),
    # Relatives.
    'thinner than a pixel': dict(bbox=[3, 3, 0.5, 5]),
    'outside of their image': dict(bbox=[50, 3, 5, 5]),
}


@pytest.mark.parametrize('reason', DROPPED)
def test_a_set_without_any_box_left_is_refused(dataset, reason):
    check_config(training_on(dataset))
    change(dataset, every_box(**DROPPED[reason]))
    assert learnt(dataset) == 0
    text = error_of(training_on(dataset))
    assert f'none of the 2 boxes of {dataset["data_root"]}/ann.json is left: 2 {reason}' in text


@pytest.mark.parametrize('reason', DROPPED)
def test_what_is_kept_is_what_mmdet_keeps(dataset, reason):
    content = change(dataset, one_box(**DROPPED[reason]))
    assert kept_boxes(content, ('cat', 'dog')).kept.total() == learnt(dataset) == 1


def test_a_class_that_loses_all_its_boxes_is_refused_and_a_part_is_said(dataset, capsys):
    def add(content):
        content['annotations'].append(dict(content['annotations'][0], id=9, area=0))

    change(dataset, add)
    check_config(training_on(dataset))
    assert '1 of 3 boxes of' in capsys.readouterr().err
    change(dataset, one_box(area=0))
    assert "none of the 2 boxes of 'cat'" in error_of(training_on(dataset))
    # A part of what is trained on, or a validation set, may have gaps: mmdet goes on with them.
    check_config(training_on(dict(type='ConcatDataset', datasets=[dataset, dataset])))
    assert "none of the 2 boxes of 'cat'" in capsys.readouterr().err


def test_a_class_without_any_box_is_said(dataset, capsys):
    change(dataset, lambda content: content['annotations'].pop())
    check_config(training_on(dataset))
    assert '1 of 2 classes have no box in' in capsys.readouterr().err
    change(dataset, lambda content: content['annotations'].clear())
    assert 'nothing would be learnt' in error_of(training_on(dataset))


def twice(content):
    content['images'][1]['id'] = 0
    content['annotations'][1]['image_id'] = 0


def test_image_ids_that_are_given_twice_are_refused(dataset):
    change(dataset, twice)
    assert len(DATASETS.build(dataset)) == 1  # half of the images are gone
    assert '1 image ids of' in error_of(training_on(dataset))


def test_an_image_that_is_listed_again_as_joined_files_do_is_one(dataset):
    change(dataset, lambda content: content['images'].append(dict(content['images'][0])))
    assert len(DATASETS.build(dataset)) == learnt(dataset) == 2
    check_config(training_on(dataset))


def test_a_category_id_that_stands_for_two_classes_is_refused(dataset, capsys):
    def share(content):
        content['categories'] = [dict(id=1, name='cat'), dict(id=1, name='dog'), dict(id=2, name='cow')]
        every_box(category_id=1)(content)

    change(dataset, share)
    data = DATASETS.build(dataset)
    assert {one['bbox_label'] for i in range(2) for one in data.get_data_info(i)['instances']} == {1}
    text = f"{dataset['data_root']}/ann.json has the category id 1 for 'cat', 'dog': all their boxes"
    assert text in error_of(training_on(dataset))
    # Who leaves one of them out has the boxes of both, too, and may know.
    check_config(training_on(dict(dataset, metainfo=dict(classes=('cat',)))))
    assert text in capsys.readouterr().err
    change(dataset, every_box(category_id=2))
    check_config(training_on(dict(dataset, metainfo=dict(classes=('cow',)))))
    assert 'all their boxes' not in capsys.readouterr().err


def test_annotation_ids_and_category_names_that_are_given_twice_are_refused(dataset):
    content = change(dataset, lambda content: content['annotations'][1].update(id=1))
    assert '1 annotation ids of' in error_of(training_on(dataset))
    content['annotations'][1]['id'] = 2
    content['categories'].append(dict(id=99, name='cat'))
    change(dataset, lambda old: old.update(content))
    assert "more than one category named 'cat'" in error_of(training_on(dataset))


def test_categories_counted_from_zero_beside_one_are_refused(dataset, capsys):
    def shift(content):
        for index, category in enumerate(content['categories']):
            category['id'] = index + 1
            content['annotations'][index]['category_id'] = index

    change(dataset, shift)
    text = error_of(training_on(dataset))
    assert '1 annotations of' in text and 'the category id 0, which no category has' in text
    assert 'shifted by one' in text
    # A category that was left out is none of that.
    change(dataset, lambda content: content['annotations'][0].update(category_id=2))
    change(dataset, lambda content: content['annotations'][1].update(category_id=1))
    change(dataset, lambda content: content['annotations'].append(dict(content['annotations'][0], id=3)))
    change(dataset, lambda content: content['annotations'][2].update(category_id=77))
    check_config(training_on(dataset))
    assert 'the category id 77, which no category has; they are left out' in capsys.readouterr().err


def test_annotations_of_images_that_are_not_listed_are_counted(dataset, capsys):
    change(dataset, one_box(image_id=55))
    check_config(training_on(dataset))
    assert '1 annotations of' in capsys.readouterr().err
    change(dataset, every_box(image_id=55))
    assert '2 annotations of' in error_of(training_on(dataset))


@pytest.mark.parametrize(
    ('edit', 'said'),
    [
        (one_box(bbox=[1, 2, 3]), 'have no box'),
        (one_box(bbox=None), 'have no box'),
        (one_box(bbox=[1, float('nan'), 3, 3]), 'have no box'),
        (one_box(area='large'), 'have no area'),
        (lambda content: content['annotations'][0].pop('category_id'), "annotations[0] has no 'category_id'"),
        (lambda content: content['images'][0].pop('width'), 'no width and height as numbers'),
        (lambda content: content['images'][1].update(width='12'), 'no width and height as numbers'),
        (lambda content: content['images'][1].update(height=None), 'no width and height as numbers'),
        (lambda content: content.pop('images'), 'no list of images'),
    ],
)
def test_annotations_that_mmdet_cannot_read_are_named(dataset, edit, said):
    change(dataset, edit)
    assert said in error_of(training_on(dataset))


@pytest.mark.parametrize('lacking', ['bbox', 'area'])
@pytest.mark.parametrize('values', [dict(ignore=1), dict(image_id=99)])
def test_what_mmdet_does_not_read_needs_no_box(dataset, lacking, values):
    change(dataset, lambda content: content['annotations'].append(dict(content['annotations'][0], id=9)))
    change(dataset, one_box(**values))
    change(dataset, lambda content: content['annotations'][0].pop(lacking))
    assert learnt(dataset) == 2
    check_config(training_on(dataset))
    measured = training_on(coco_with(Path(dataset['data_root']).parent / 'other'))
    measured.val_dataloader = dict(dataset=dataset)
    measured.val_evaluator = dict(type='CocoMetric', ann_file=f'{dataset["data_root"]}/ann.json')
    if 'ignore' in values:  # pycocotools reads it, too
        assert f'have no {lacking}'.replace('bbox', 'box') in error_of(measured)
    else:
        check_config(measured)


@pytest.mark.parametrize('edit', [one_box(iscrowd='0'), one_box(ignore='0'), one_box(iscrowd='false')])
def test_text_for_a_crowd_is_said(dataset, capsys, edit):
    assert learnt(dataset) == 2
    change(dataset, lambda content: content['annotations'].append(dict(content['annotations'][0], id=9)))
    change(dataset, edit)
    assert learnt(dataset) == 2
    check_config(training_on(dataset))
    assert '1 annotations of' in (said := capsys.readouterr().err) and 'iscrowd or ignore as text' in said


@pytest.mark.parametrize('name', ['Cat', ' cat', 'CAT'])
def test_a_category_that_differs_by_case_from_a_class_is_said(tmp_path, capsys, name):
    dataset = dict(coco_with(tmp_path / 'coco', ('cat', 'dog', name)), metainfo=dict(classes=('cat', 'dog')))
    check_config(training_on(dataset))
    path = f'{tmp_path}/coco/ann.json'
    assert f"1 objects of {path} are named {name!r}, which is not the class 'cat'" in capsys.readouterr().err
    check_config(training_on(dict(dataset, metainfo=dict(classes=('cat', 'dog', name)))))
    assert 'are named' not in capsys.readouterr().err


def test_a_file_that_is_listed_as_two_images_is_said(dataset, capsys):
    change(dataset, lambda content: content['images'][1].update(file_name='0.png'))
    change(dataset, lambda content: content['annotations'][1].update(bbox=[1, 1, 4, 4]))
    check_config(training_on(dataset))
    assert '1 images are in' in (said := capsys.readouterr().err) and 'under several ids' in said
    change(dataset, every_box(bbox=[1, 1, 4, 4]))  # seen twice as often, and never as background
    check_config(training_on(dataset))
    assert 'under several ids' not in capsys.readouterr().err


@pytest.mark.parametrize(
    'edit',
    [
        lambda content: [entry.update(id=str(entry['id'])) for entry in content['categories']],
        lambda content: [entry.update(id=str(entry['id'])) for entry in content['images']],
        lambda content: [a.update(image_id=str(a['image_id'])) for a in content['annotations']],
        lambda content: [a.update(category_id=str(a['category_id'])) for a in content['annotations']],
    ],
)
def test_ids_that_are_text_in_one_list_and_numbers_in_the_other_are_named(dataset, capsys, edit):
    change(dataset, edit)
    assert learnt(dataset) == 0
    text = error_of(training_on(dataset)) + capsys.readouterr().err
    assert '(one is text, the other a number: write both as numbers)' in text


def test_a_file_that_is_too_large_is_not_read_whole(dataset, monkeypatch):
    change(dataset, every_box(area=0))
    monkeypatch.setattr('mmdet_multimix.checks.coco_file.READ_WHOLE', 0)
    check_config(training_on(dataset))


def test_a_file_without_annotations_is_one_of_unlabelled_images(dataset, tmp_path):
    labelled = coco_with(tmp_path / 'labelled')
    change(dataset, lambda content: content.pop('annotations'))
    assert len(DATASETS.build(dict(dataset, test_mode=True))) == 2 and learnt(dataset) == 0
    metric = dict(type='CocoMetric', ann_file=f'{dataset["data_root"]}/ann.json', format_only=True)
    check_config(Config(dict(test_dataloader=dict(dataset=dataset), test_evaluator=metric)), 'test')
    check_config(training_on(dict(type='ConcatDataset', datasets=[labelled, dataset])))
    check_config(training_on(labelled, val_dataloader=dict(dataset=dataset), val_evaluator=metric))
    assert check_data([training_on(dict(type='ConcatDataset', datasets=[labelled, dataset]))], {}) == []
    assert 'nothing would be learnt' in error_of(training_on(dataset))


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'latin-1'])
def test_a_file_in_an_encoding_that_mmdet_does_not_read_is_named(dataset, encoding):
    path = f'{dataset["data_root"]}/ann.json'
    with open(path) as file:
        content = file.read().replace('0.png', 'é.png')
    with open(path, 'w', encoding=encoding) as file:
        file.write(content)
    with pytest.raises(ValueError):
        DATASETS.build(dataset)
    text = error_of(training_on(dataset))
    assert f'train_dataloader.dataset: {path} ' in text and 'Save it' in text and 'categories' not in text


def test_annotations_that_are_no_list_are_refused(dataset):
    change(dataset, lambda content: content.update(annotations=None))
    with pytest.raises(TypeError):
        DATASETS.build(dataset)
    assert 'no list of annotations' in error_of(training_on(dataset))


def boxes(*found):
    def edit(content):
        first = content['annotations'][0]
        content['annotations'] = [dict(first, id=i, bbox=list(box)) for i, box in enumerate(found)]

    return edit


@pytest.mark.parametrize(
    ('found', 'said'),
    [
        ([(4, 3, 12, 10), (1, 2, 5, 4), (6, 4, 11, 9)], True),
        ([(6.5, 5, 12.2, 10)], True),
        ([(6, 5, 6, 5), (1, 2, 3, 4)], False),  # up to the border
        ([(4, 3, 12, 10), (1, 2, 5, 4), (6, 4, 3, 9)], False),  # one is none of corners
        ([(4, 3, 12, 10), *[(1, 2, 5, 4)] * 3], False),  # few reach past it
        ([(8, 6, 30, 8)], False),  # as corners it would, too
    ],
)
def test_boxes_that_are_corners_are_said(dataset, capsys, found, said):
    change(dataset, boxes(*found))
    check_config(training_on(dataset))
    assert ('and none would as [x1, y1, x2, y2]' in capsys.readouterr().err) is said


def test_converted_boxes_that_are_corners_are_said_and_right_ones_are_not(dataset, capsys):
    right = [(x, y, 4, 3) for x in range(0, 8, 2) for y in range(0, 7, 2)]
    change(dataset, boxes(*right))
    check_config(training_on(dataset))
    assert 'past the border' not in capsys.readouterr().err
    change(dataset, boxes(*((x, y, x + w, y + h) for x, y, w, h in right)))
    check_config(training_on(dataset))
    assert 'past the border' in capsys.readouterr().err
