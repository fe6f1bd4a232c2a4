import json

import pytest
from mmdet.datasets import CocoDataset
from mmengine.config import Config

from mmdet_multimix.checks import PreflightError, check_config
from mmdet_multimix.checks.preflight import coco_categories


def write_coco(root, names=('cat', 'dog')):
    (root / 'images').mkdir(parents=True)
    categories = [{'id': 7 * i, 'name': name} for i, name in enumerate(names)]
    text = json.dumps({'images': [], 'annotations': [{'bbox': [1, 2, 3, 4]}], 'categories': categories})
    (root / 'ann.json').write_text(text)
    return dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file='ann.json',
        data_prefix=dict(img='images/'),
        metainfo=dict(classes=tuple(names)),
    )


def write_voc(root, names=('cat', 'dog')):
    for folder in ('ImageSets/Main', 'Annotations', 'JPEGImages'):
        (root / folder).mkdir(parents=True)
    for index, name in enumerate(names):
        (root / f'Annotations/{index}.xml').write_text(f'<a><object><name>{name}</name></object></a>')
    (root / 'ImageSets/Main/train.txt').write_text('\n'.join(str(i) for i in range(len(names))))
    return dict(
        type='XMLDataset',
        data_root=str(root),
        ann_file='ImageSets/Main/train.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes=('cat', 'dog')),
    )


def config(dataset, **kwargs):
    return Config(dict(train_dataloader=dict(dataset=dataset), **kwargs))


def error_of(cfg, stage='train'):
    with pytest.raises(PreflightError) as error:
        check_config(cfg, stage)
    return str(error.value)


def test_good_data_passes(tmp_path):
    check_config(config(write_coco(tmp_path / 'coco')))
    check_config(config(write_voc(tmp_path / 'voc')))


def test_everything_that_is_wrong_is_said_at_once(tmp_path):
    good = write_coco(tmp_path / 'coco')
    missing = dict(good, ann_file='no.json')
    nested = dict(type='RepeatDataset', dataset=dict(type='ConcatDataset', datasets=[good, missing]))
    backbone = dict(type='ResNet', init_cfg=dict(type='MultiMixPretrained', checkpoint='no.pth'))
    text = error_of(config(nested, load_from='nothing.pth', model=dict(backbone=backbone)))
    assert 'train_dataloader.dataset.dataset.datasets[1]' in text and 'no.json does not exist' in text
    assert 'load_from: checkpoint nothing.pth' in text
    assert 'model.backbone.init_cfg.checkpoint: no.pth' in text and 'publish_backbone.py' in text


def test_a_missing_image_folder_is_named(tmp_path):
    dataset = write_coco(tmp_path / 'coco')
    dataset['data_prefix'] = dict(img='photos/')
    assert 'photos does not exist' in error_of(config(dataset))


def test_coco_classes_must_exist(tmp_path):
    dataset = write_coco(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('cat', 'cow'))
    text = error_of(config(dataset))
    assert "'cow' not among the categories" in text and "'cat', 'dog'" in text


def test_coco_classes_in_another_order_would_be_misnamed(tmp_path):
    dataset = write_coco(tmp_path / 'coco')
    dataset['metainfo'] = dict(classes=('dog', 'cat'))
    assert 'not in the order' in error_of(config(dataset))


def test_the_default_classes_of_the_data_set_are_checked_too(tmp_path):
    dataset = write_coco(tmp_path / 'coco')
    del dataset['metainfo']
    assert "'person'" in error_of(config(dataset))


def test_voc_classes_that_never_appear(tmp_path):
    dataset = write_voc(tmp_path / 'voc', ('horse', 'sheep'))
    text = error_of(config(dataset))
    assert "'cat', 'dog'" in text and "'horse', 'sheep'" in text


def test_a_subset_of_voc_classes_is_fine(tmp_path):
    dataset = write_voc(tmp_path / 'voc', ('cat', 'dog', 'sheep'))
    check_config(config(dataset))
    never = dict(dataset, metainfo=dict(classes=('cat', 'dog', 'sheep', 'horse')))
    check_config(config(never))  # every name is known: a class may have no objects


def test_a_misspelt_voc_class_is_looked_for_in_all_annotations(tmp_path, monkeypatch):
    monkeypatch.setattr('mmdet_multimix.checks.preflight._XML_FILES_READ', 1)
    dataset = write_voc(tmp_path / 'voc', ('cat', 'sheep', 'dog'))
    check_config(config(dataset))
    text = error_of(config(dict(dataset, metainfo=dict(classes=('cat', 'dogs')))))
    assert "metainfo.classes: 'dogs' in none of the annotations" in text and "'cat', 'dog', 'sheep'" in text
    # In other sets a class may be rare, and parts of a training set may have labels of their own.
    part = dict(dataset, metainfo=dict(classes=('cat', 'cow')))
    check_config(config(dict(type='ConcatDataset', datasets=[part, part])))


def test_a_file_of_class_names_is_read(tmp_path):
    (tmp_path / 'names.txt').write_text('cat\ndog\n')
    dataset = write_coco(tmp_path / 'coco')
    check_config(config(dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))))
    (tmp_path / 'names.txt').write_text('cat\nhorse\n')
    text = error_of(config(dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))))
    assert "'horse' not among the categories" in text


def test_validation_has_the_classes_of_training(tmp_path):
    train = write_coco(tmp_path / 'coco')
    val = dict(train, metainfo=dict(classes=('dog',)))
    text = error_of(config(train, val_dataloader=dict(dataset=val)))
    assert "val_dataloader.dataset.metainfo.classes: 'dog' are not those of train_dataloader.dataset" in text


@pytest.mark.parametrize('roi', [False, True])
def test_a_box_head_has_a_place_for_every_class(tmp_path, roi):
    train = write_coco(tmp_path / 'coco')

    def model(count):
        head = dict(num_classes=count)
        return dict(roi_head=dict(bbox_head=[head])) if roi else dict(bbox_head=head)

    check_config(config(train, model=model(2)))
    check_config(config(train, model=model(80)))
    text = error_of(config(train, model=model(1)))
    assert 'bbox_head' in text and 'num_classes is 1, but train_dataloader.dataset has 2 classes' in text


def test_voc_files_that_are_missing_or_damaged(tmp_path):
    dataset = write_voc(tmp_path / 'voc')
    (tmp_path / 'voc/Annotations/1.xml').write_text('<a>')
    assert 'not readable XML' in error_of(config(dataset))
    (tmp_path / 'voc/Annotations/1.xml').unlink()
    assert 'lists 1, but' in error_of(config(dataset))


def test_files_that_are_no_coco_annotations(tmp_path):
    dataset = write_coco(tmp_path / 'coco')
    for content in ('', 'text', '{"categories": [1, 2]}', '{"images": []}'):
        (tmp_path / 'coco/ann.json').write_text(content)
        assert 'no COCO annotation file' in error_of(config(dataset))


def test_categories_with_lists_inside(tmp_path):
    path = tmp_path / 'keypoints.json'
    categories = [{'id': 1, 'name': 'person', 'keypoints': ['nose', 'ear']}]
    path.write_text(json.dumps({'categories': categories, 'images': []}))
    assert coco_categories(path) == ['person']


def test_the_type_may_be_the_class_itself(tmp_path):
    dataset = dict(write_coco(tmp_path / 'coco'), type=CocoDataset)
    check_config(config(dataset, val_dataloader=dict(dataset=dataset)))
    assert "'horse'" in error_of(config(dict(dataset, metainfo=dict(classes=('cat', 'horse')))))


def test_unknown_data_set_type(tmp_path):
    assert "unknown data set 'NoDataset'" in error_of(config(dict(type='NoDataset', ann_file='x')))


def test_swin_reads_init_cfg_by_itself(tmp_path):
    (tmp_path / 'b.pth').touch()
    init = dict(type='MultiMixPretrained', checkpoint=str(tmp_path / 'b.pth'))
    dataset = write_coco(tmp_path / 'coco')
    text = error_of(config(dataset, model=dict(backbone=dict(type='SwinTransformer', init_cfg=init))))
    assert 'move it to the detector' in text
    check_config(config(dataset, model=dict(backbone=dict(type='ResNet', init_cfg=init))))


def test_testing_looks_at_test_data_only(tmp_path):
    cfg = Config(dict(test_dataloader=dict(dataset=write_coco(tmp_path / 'coco')), load_from='no.pth'))
    assert 'no.pth' in error_of(cfg, 'test')
    cfg.load_from = None
    check_config(cfg, 'test')


@pytest.mark.parametrize('kind', ['CIFAR10Dataset', 'ImageFolderDataset'])
def test_a_missing_classification_set_says_what_it_wants(tmp_path, kind):
    dataset = dict(type=kind, data_root=str(tmp_path / 'nowhere'), split='train')
    text = error_of(config(dataset))
    assert 'train_dataloader.dataset' in text and 'nowhere' in text
