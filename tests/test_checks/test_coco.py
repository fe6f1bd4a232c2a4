import json

import pytest
from checking import error_of, training_on
from tiny_sets import coco_with

from mmdet_multimix.checks.coco_file import categories


def test_coco_classes_must_exist(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('cat', 'cow'))
    text = error_of(training_on(dataset))
    assert "'cow' are not among the categories" in text and "'cat', 'dog'" in text


def test_coco_classes_in_another_order_would_be_misnamed(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('dog', 'cat'))
    assert 'not in the order' in error_of(training_on(dataset))


def test_the_default_classes_of_the_data_set_are_checked_too(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    del dataset['metainfo']
    assert "'person'" in error_of(training_on(dataset))


def test_files_that_are_no_coco_annotations(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    for content in ('', 'text', '{"categories": [1, 2]}', '{"images": []}'):
        (tmp_path / 'coco/ann.json').write_text(content)
        assert 'no COCO annotation file' in error_of(training_on(dataset))


def test_categories_with_lists_inside(tmp_path):
    path = tmp_path / 'keypoints.json'
    entries = [{'id': 1, 'name': 'person', 'keypoints': ['nose', 'ear']}]
    path.write_text(json.dumps({'categories': entries, 'images': []}))
    assert categories(path) == ['person']


@pytest.mark.parametrize('large', [False, True])
def test_another_list_of_that_name_does_not_deceive(tmp_path, monkeypatch, large):
    if large:
        monkeypatch.setattr('mmdet_multimix.checks.coco_file.READ_WHOLE', 0)
    path, entries = tmp_path / 'a.json', [{'id': 1, 'name': 'cat'}]
    for other in (
        {'categories': []},
        {'categories': [{'id': 1, 'name': 'dog'}]},
        'no "categories": [1] here',
    ):
        path.write_text(json.dumps({'categories': entries, 'images': [], 'info': other}))
        assert categories(path) == ['cat']
