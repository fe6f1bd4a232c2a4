import json

import pytest
from checking import error_of, training_on
from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config, check_data
from mmdet_multimix.checks.coco_file import categories


def test_coco_classes_must_exist(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('cat', 'cow'))
    text = error_of(training_on(dataset))
    assert "'cow' are not among the categories" in text and "'cat', 'dog'" in text


@pytest.mark.parametrize(
    ('names', 'classes', 'fits'),
    [
        (('cat', 'dog'), ('cat', 'dog', 'cow'), True),
        (('cat',), ('cat', 'dog', 'cow'), True),
        (('cow', 'dog'), ('cat', 'cow', 'dog'), False),  # mmdet would number the cow 0
        (('dog', 'cat'), ('cat', 'dog', 'cow'), False),
        (('goat', 'ox'), ('cat', 'dog', 'cow'), False),
    ],
)
def test_a_part_of_a_concatenation_may_lack_the_last_classes(tmp_path, capsys, names, classes, fits):
    """mmdet wants the same classes in all parts, and numbers those that a file has."""
    found = coco_with(tmp_path / 'part', names)
    found['metainfo'] = dict(classes=classes)
    whole = coco_with(tmp_path / 'whole', classes)
    cfg = training_on(dict(type='ConcatDataset', datasets=[whole, found]))
    labels = DATASETS.build(dict(found, type='CocoDataset', test_mode=True)).cat2label if fits else {}
    assert list(labels.values()) == list(range(len(labels)))
    if fits:
        check_config(cfg)
        lacking = ', '.join(map(repr, classes[len(names) :]))
        assert f'part/ann.json has no category {lacking}' in capsys.readouterr().err
    else:
        text = error_of(cfg)
        assert 'are not among the categories' in text and 'part/ann.json' in text
    # A class that no set has is never learnt.
    for alone in (found, dict(type='ConcatDataset', datasets=[found, found])):
        assert 'are not among the categories' in error_of(training_on(alone))


def test_coco_classes_in_another_order_would_be_misnamed(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('dog', 'cat'))
    assert 'not in the order' in error_of(training_on(dataset))


def test_the_order_is_that_in_which_the_type_numbers_its_labels(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    path = tmp_path / 'coco/ann.json'
    content = json.loads(path.read_text())
    content['categories'].reverse()
    path.write_text(json.dumps(content))
    labels = {}
    for kind in ('Objects365V1Dataset', 'Objects365V2Dataset', 'CocoDataset'):
        labels[kind] = DATASETS.build(dict(dataset, type=kind)).cat2label
    assert labels.pop('Objects365V1Dataset') == {0: 0, 7: 1}
    check_config(training_on(dict(dataset, type='Objects365V1Dataset')))
    for kind, numbered in labels.items():
        assert numbered == {7: 0, 0: 1}  # the dogs would be named cats
        assert 'not in the order' in error_of(training_on(dict(dataset, type=kind)))
    reverse = dict(dataset, type='Objects365V1Dataset', metainfo=dict(classes=('dog', 'cat')))
    assert "Set metainfo=dict(classes=...) to ('cat', 'dog',)" in error_of(training_on(reverse))


class Animals(CocoDataset):
    """Takes all categories for one."""

    def load_data_list(self):
        self._metainfo['classes'] = ('cat', 'dog')
        found = super().load_data_list()
        self._metainfo['classes'] = ('animal',)
        for one in found:
            one['instances'] = [dict(instance, bbox_label=0) for instance in one['instances']]
        return found


class Named(CocoDataset):
    """Brings its classes itself."""

    def __init__(self, **kwargs):
        super().__init__(metainfo=dict(classes=('cat', 'dog')), **kwargs)


@pytest.mark.parametrize(('kind', 'classes'), [(Animals, ('animal',)), (Named, None)])
def test_the_categories_of_a_type_that_reads_them_itself_are_not_judged(tmp_path, kind, classes):
    dataset = dict(coco_with(tmp_path / 'coco'), type=kind)
    dataset.pop('metainfo')
    if classes:
        dataset['metainfo'] = dict(classes=classes)
    assert len(DATASETS.build(dict(dataset))) == 2
    check_config(training_on(dataset))
    assert check_data([training_on(dataset)], {}) == []


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
    assert categories(path, by_id=False) == ['person']


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
        assert categories(path, by_id=False) == ['cat']
