"""The annotations of an evaluator beside those of its data, and one split beside the other."""

import json

import pytest
from checking import error_of, training_on
from mmdet.evaluation import CocoMetric
from tiny_sets import coco_with, voc_with

from mmdet_multimix.checks import check_config, check_data


@pytest.fixture
def evaluated(tmp_path):
    """A config that evaluates with a copy of its annotations, and the path of the copy."""
    dataset = coco_with(tmp_path / 'coco')
    copy = tmp_path / 'copy.json'
    copy.write_text((tmp_path / 'coco/ann.json').read_text())
    evaluator = dict(type='CocoMetric', ann_file=str(copy))
    return training_on(dataset, val_dataloader=dict(dataset=dataset), val_evaluator=evaluator), copy


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_same_annotations_pass_wherever_they_are(evaluated, capsys):
    cfg, copy = evaluated
    check_config(cfg)
    copy.write_text(json.dumps(json.loads(copy.read_text()), indent=1))
    check_config(cfg)
    change(
        copy, lambda content: content['images'].append(dict(content['images'][0], id=5, file_name='5.png'))
    )
    check_config(cfg)  # more images than are evaluated
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ('edit', 'said'),
    [
        (lambda content: content['images'].pop(), 'lacks 1 of the 2 images'),
        (
            lambda content: [image.update(id=image['id'] + 9) for image in content['images']],
            'lacks 2 of the 2',
        ),
        (lambda content: content['images'][0].update(file_name='7.png'), 'image 0 is 7.png in'),
        (lambda content: content['categories'].reverse(), 'would be scored as other classes'),
        (lambda content: content['categories'].pop(), 'would be scored as other classes'),
        (lambda content: content.update(annotations={}), 'no list of annotations'),
    ],
)
@pytest.mark.parametrize('kind', ['CocoMetric', CocoMetric])
def test_annotations_of_other_images_or_classes_are_refused(evaluated, edit, said, kind):
    cfg, copy = evaluated
    change(copy, edit)
    cfg.val_evaluator = [dict(cfg.val_evaluator, type=kind)]
    assert said in error_of(cfg)
    assert any(said in problem for problem in check_data([cfg], {}))


def test_other_boxes_of_the_same_images_are_said(evaluated, capsys):
    cfg, copy = evaluated
    change(copy, lambda content: content['annotations'][0].update(bbox=[0, 0, 2, 2]))
    check_config(cfg)
    assert f'scores are of the 2 boxes of {copy}, which are not the 2 of' in capsys.readouterr().err
    change(copy, lambda content: content.pop('annotations'))
    check_config(cfg)
    assert f'scores are of the 0 boxes of {copy}, which are not the 2 of' in capsys.readouterr().err


def say_that_splits_differ(train, val, capsys):
    both = dict(type='ConcatDataset', datasets=[train, train])
    check_config(training_on(both, val_dataloader=dict(dataset=val)))
    said = capsys.readouterr().err
    assert '1 classes have boxes in the validation data, but none in the training data: dog' in said
    assert '1 classes have boxes in the training data, but none in the validation data: cat' in said


def test_classes_that_only_one_split_has_are_said(tmp_path, capsys):
    sets = []
    for name, without in (('train', 1), ('val', 0)):
        sets.append(coco_with(tmp_path / name))
        change(tmp_path / name / 'ann.json', lambda content, i=without: content['annotations'].pop(i))
    say_that_splits_differ(*sets, capsys)


def test_classes_that_only_one_split_of_voc_has_are_said(tmp_path, capsys):
    sets = [voc_with(tmp_path / name, (name, 'cow')) for name in ('cat', 'dog')]
    say_that_splits_differ(*sets, capsys)


NOTHING = 'so metrics will be -1 or 0 whatever is learnt'


@pytest.mark.parametrize(
    'edit',
    [
        lambda c: c['annotations'].clear(),
        lambda c: (
            c['categories'].append(dict(id=99, name='cow'))
            or [a.update(category_id=99) for a in c['annotations']]
        ),
    ],
)
def test_an_evaluation_without_a_box_is_said(evaluated, capsys, edit):
    cfg, copy = evaluated
    check_config(cfg)
    assert NOTHING not in capsys.readouterr().err
    change(copy, edit)
    check_config(cfg)
    assert f'val_evaluator: there is no box of the classes in {copy}' in capsys.readouterr().err
    cfg.val_evaluator.format_only = True  # a set without annotations, for a server that measures
    check_config(cfg)
    assert NOTHING not in capsys.readouterr().err
    # Without a file of its own the metric takes the boxes of the images.
    cfg.val_evaluator = dict(type='CocoMetric')
    check_config(cfg)
    assert NOTHING not in capsys.readouterr().err
    cfg.val_dataloader.dataset.ann_file = str(copy)
    check_config(cfg)
    assert f'there is no box of the classes in {copy}' in capsys.readouterr().err


def test_an_evaluation_of_voc_without_a_box_is_said(tmp_path, capsys):
    train, val = voc_with(tmp_path / 'train'), voc_with(tmp_path / 'val')
    cfg = training_on(train, val_dataloader=dict(dataset=val), val_evaluator=dict(type='VOCMetric'))
    check_config(cfg)
    assert not capsys.readouterr().err
    for path in (tmp_path / 'val/Annotations').iterdir():
        path.write_text('<a><size><width>12</width><height>10</height></size></a>')
    check_config(cfg)
    assert f'no box of the classes in {tmp_path}/val/ImageSets/Main/train.txt' in capsys.readouterr().err
    both = dict(type='ConcatDataset', datasets=[val, train])
    check_config(training_on(train, val_dataloader=dict(dataset=both), val_evaluator=cfg.val_evaluator))
    assert not capsys.readouterr().err


@pytest.mark.parametrize('cfg', [dict(indices=1), dict(indices=[0], test_mode=True)])
def test_annotations_of_the_images_that_are_taken_are_enough(evaluated, cfg):
    config, copy = evaluated
    change(copy, lambda content: content['images'].pop())
    change(copy, lambda content: content['annotations'].pop())
    assert 'lacks 1 of the 2 images' in error_of(config)
    config.val_dataloader.dataset.update(cfg)
    check_config(config)
    config.val_dataloader.dataset.indices = [1]
    assert 'lacks 1 of the 1 images' in error_of(config)
