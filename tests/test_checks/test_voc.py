from checking import error_of, training_on
from tiny_sets import voc_with

from mmdet_multimix.checks import check_config


def test_voc_classes_that_never_appear(tmp_path):
    dataset = voc_with(tmp_path / 'voc', ('horse', 'sheep'))
    text = error_of(training_on(dataset))
    assert "'cat', 'dog'" in text and "'horse', 'sheep'" in text


def test_a_subset_of_voc_classes_is_fine(tmp_path):
    dataset = voc_with(tmp_path / 'voc', ('cat', 'dog', 'sheep'))
    check_config(training_on(dataset))
    never = dict(dataset, metainfo=dict(classes=('cat', 'dog', 'sheep', 'horse')))
    check_config(training_on(never))  # every name is known: a class may have no objects


def test_a_misspelt_voc_class_is_looked_for_in_all_annotations(tmp_path, monkeypatch):
    monkeypatch.setattr('mmdet_multimix.checks.voc._XML_FILES_READ', 1)
    dataset = voc_with(tmp_path / 'voc', ('cat', 'sheep', 'dog'))
    check_config(training_on(dataset))
    text = error_of(training_on(dict(dataset, metainfo=dict(classes=('cat', 'dogs')))))
    assert (
        "train_dataloader.dataset: the classes 'dogs' are in none of the annotations" in text
        and "'cat', 'dog', 'sheep'" in text
    )
    # In other sets a class may be rare, and parts of a training set may have labels of their own.
    part = dict(dataset, metainfo=dict(classes=('cat', 'cow')))
    check_config(training_on(dict(type='ConcatDataset', datasets=[part, part])))


def test_voc_files_that_are_missing_or_damaged(tmp_path):
    dataset = voc_with(tmp_path / 'voc')
    (tmp_path / 'voc/Annotations/1.xml').write_text('<a>')
    assert 'not readable XML' in error_of(training_on(dataset))
    (tmp_path / 'voc/Annotations/1.xml').unlink()
    assert 'lists 1, but' in error_of(training_on(dataset))
