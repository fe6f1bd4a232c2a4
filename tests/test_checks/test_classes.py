import pytest
from checking import error_of, training_on
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config


def test_validation_has_the_classes_of_training(tmp_path):
    train = coco_with(tmp_path / 'coco')
    val = dict(train, metainfo=dict(classes=('dog',)))
    text = error_of(training_on(train, val_dataloader=dict(dataset=val)))
    assert (
        "val_dataloader.dataset.metainfo.classes: label 0 is class 'cat' in train_dataloader.dataset" in text
    )
    assert "but 'dog' in val_dataloader.dataset" in text


@pytest.mark.parametrize('roi', [False, True])
def test_a_box_head_has_a_place_for_every_class(tmp_path, roi):
    train = coco_with(tmp_path / 'coco')

    def model(count):
        head = dict(num_classes=count)
        return dict(roi_head=dict(bbox_head=[head])) if roi else dict(bbox_head=head)

    check_config(training_on(train, model=model(2)))
    check_config(training_on(train, model=model(80)))
    text = error_of(training_on(train, model=model(1)))
    assert 'bbox_head' in text and 'num_classes is 1, but train_dataloader.dataset has 2 classes' in text


def test_a_text_that_is_no_file_is_no_class(tmp_path):
    dataset = coco_with(tmp_path / 'coco', ('bear', 'teddy bear'))
    for text in ('teddy bear', 'bear', 'names.txt'):
        error = error_of(training_on(dict(dataset, metainfo=dict(classes=text))))
        assert f'metainfo.classes is the text {text!r}' in error and f'classes=({text!r},)' in error
    check_config(training_on(dict(dataset, metainfo=dict(classes=('teddy bear',)))))


def test_classes_given_twice_or_without_a_name_are_refused(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    twice = dict(dataset, metainfo=dict(classes=('cat', 'dog', 'cat')))
    assert "metainfo.classes has 'cat' more than once" in error_of(training_on(twice))
    (tmp_path / 'names.txt').write_text('cat\n\ndog\n')
    blank = dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))
    assert 'a class without a name' in error_of(training_on(blank))
