import pytest
import torch
from checking import error_of, mmdets, training_on
from mmdet.datasets import CocoDataset
from mmengine.config import Config
from tiny_sets import coco_with

from mmdet_multimix.checks import check_config
from mmdet_multimix.checks.classes import check_heads, check_same
from mmdet_multimix.checks.data import LOADERS
from mmdet_multimix.checks.walk import data_sets


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
    text = error_of(training_on(train, model=model(3), val_dataloader=dict(dataset=train)))
    assert 'num_classes is 3, but train_dataloader.dataset has 2 classes' in text
    text = error_of(training_on(train, model=model(1)))
    assert 'bbox_head' in text and 'num_classes is 1, but train_dataloader.dataset has 2 classes' in text


def test_a_text_that_is_no_file_is_no_class(tmp_path):
    dataset = coco_with(tmp_path / 'coco', ('bear', 'teddy bear'))
    for text in ('teddy bear', 'bear', 'names.txt'):
        error = error_of(training_on(dict(dataset, metainfo=dict(classes=text))))
        assert f'metainfo.classes is the text {text!r}' in error and f'classes=({text!r},)' in error
    check_config(training_on(dict(dataset, metainfo=dict(classes=('teddy bear',)))))


def test_a_type_whose_classes_are_a_text_is_named(tmp_path):
    class Bears(CocoDataset):
        METAINFO = {'classes': 'bear'}

    dataset = dict(coco_with(tmp_path / 'coco', ('bear',)), type=Bears)
    classes, dataset['metainfo'] = dataset['metainfo'], None
    cfg = training_on(
        dataset, model=dict(bbox_head=dict(num_classes=1)), val_dataloader=dict(dataset=dataset)
    )
    error = error_of(cfg)
    assert "METAINFO['classes'] of Bears is the text 'bear'" in error and "classes=('bear',)" in error
    assert 'categories' not in error and 'num_classes' not in error
    check_config(training_on(dict(dataset, metainfo=classes)))


@pytest.mark.parametrize('encoding', ['utf-8-sig', 'utf-16', 'latin-1'])
def test_a_file_of_names_in_an_encoding_that_mmdet_does_not_read_is_named(tmp_path, encoding):
    dataset = coco_with(tmp_path / 'coco', ('kätzchen', 'dog'))
    path = tmp_path / 'names.txt'
    path.write_bytes('kätzchen\r\ndog\r\n'.encode(encoding))
    text = error_of(training_on(dict(dataset, metainfo=dict(classes=str(path)))))
    assert f'train_dataloader.dataset: {path} ' in text and 'Save it' in text
    path.write_bytes('kätzchen\r\ndog\r\n'.encode())
    check_config(training_on(dict(dataset, metainfo=dict(classes=str(path)))))


def test_classes_given_twice_or_without_a_name_are_refused(tmp_path):
    dataset = coco_with(tmp_path / 'coco')
    twice = dict(dataset, metainfo=dict(classes=('cat', 'dog', 'cat')))
    assert "metainfo.classes has 'cat' more than once" in error_of(training_on(twice))
    (tmp_path / 'names.txt').write_text('cat\n\ndog\n')
    blank = dict(dataset, metainfo=dict(classes=str(tmp_path / 'names.txt')))
    assert 'a class without a name' in error_of(training_on(blank))


def test_a_class_too_many_is_said_where_nothing_is_evaluated(tmp_path, capsys):
    train = coco_with(tmp_path / 'coco')
    check_config(training_on(train, model=dict(bbox_head=dict(num_classes=12))))
    assert 'model.bbox_head.num_classes is 12' in capsys.readouterr().err
    val = dict(val_dataloader=dict(dataset=train))
    assert 'bbox_head.num_classes is 12' in error_of(
        training_on(train, model=dict(bbox_head=dict(num_classes=12)), **val)
    )
    # What stock mmdet evaluates all the same: masks go by the labels of the boxes, VOC's metric by its classes.
    for head, metric in (('mask_head', 'CocoMetric'), ('bbox_head', 'VOCMetric')):
        model = dict(roi_head={head: dict(num_classes=12)})
        check_config(training_on(train, model=model, val_evaluator=dict(type=metric), **val))
        assert f'warning: model.roi_head.{head}.num_classes is 12' in capsys.readouterr().err
        few = dict(roi_head={head: dict(num_classes=1)})
        assert f'{head}.num_classes is 1,' in error_of(
            training_on(train, model=few, val_evaluator=dict(type=metric), **val)
        )
    # So do those of the stages of a cascade, but that of SOLO gives the labels itself.
    stages = dict(roi_head=dict(bbox_head=[dict(num_classes=2)], mask_head=[dict(num_classes=12)]))
    check_config(training_on(train, model=stages, **val))
    assert 'warning: model.roi_head.mask_head[0].num_classes is 12' in capsys.readouterr().err
    solo = training_on(train, model=dict(mask_head=dict(num_classes=12)), **val)
    assert 'model.mask_head.num_classes is 12' in error_of(solo)
    # Heads that have no output for each class.
    for model in (
        dict(roi_head=dict(mask_head=dict(num_classes=12, class_agnostic=True))),
        dict(rpn_head=dict(num_classes=1)),
        dict(language_model=dict(type='BertModel'), bbox_head=dict(num_classes=256)),
    ):
        check_config(training_on(train, model=model, **val))


def checkpoint(tmp_path, **meta):
    torch.save(dict(meta=meta, state_dict={}), tmp_path / 'epoch_1.pth')
    return str(tmp_path / 'epoch_1.pth')


@pytest.mark.parametrize(
    'meta',
    [
        dict(dataset_meta=dict(classes=('dog', 'cat'))),
        dict(dataset_meta=dict(CLASSES=['cow', 'cat', 'dog'])),
        dict(CLASSES=('horse', 'cat')),  # of mmdet 2
    ],
)
def test_a_checkpoint_with_the_classes_in_another_order_is_refused(tmp_path, meta):
    dataset, path = coco_with(tmp_path / 'coco'), checkpoint(tmp_path, **meta)
    said = "was trained with class 'cat' as label 1, but in"
    assert said in error_of(training_on(dataset, load_from=path, resume=True))
    assert said in error_of(Config(dict(test_dataloader=dict(dataset=dataset), load_from=path)), 'test')
    check_config(training_on(dataset, load_from=path))  # a new start from its weights


def test_a_checkpoint_of_other_names_is_said(tmp_path, capsys):
    dataset = coco_with(tmp_path / 'coco')
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    for meta in ({}, dict(dataset_meta=dict(classes=('cat', 'dog'))), dict(dataset_meta=None)):
        cfg.load_from = checkpoint(tmp_path, **meta)
        check_config(cfg, 'test')
    assert not capsys.readouterr().err
    cfg.load_from = checkpoint(tmp_path, dataset_meta=dict(classes=('cat', 'hound')))
    check_config(cfg, 'test')
    assert "was trained on the classes 'cat', 'hound'" in capsys.readouterr().err


@pytest.mark.parametrize(
    'name',
    [
        'panoptic_fpn/panoptic-fpn_r50_fpn_1x_coco',  # 80 of the 133 classes are things
        'glip/odinw/glip_atss_swin-t_a_fpn_dyhead_pretrain_odinw13',
        'glip/lvis/glip_atss_swin-t_a_fpn_dyhead_pretrain_zeroshot_mini-lvis',
        'mm_grounding_dino/coco/grounding_dino_swin-t_finetune_16xb4_1x_coco_48_17',
    ],
)
def test_classes_of_mmdets_own_configs_are_right(name):
    cfg = mmdets(name)
    for loaders in LOADERS.values():
        sets = data_sets(cfg, loaders)
        assert sets and not [*check_same(cfg, sets), *check_heads(cfg, sets)]


def test_heads_of_a_panoptic_detector_have_a_place_for_every_thing():
    things = dict(classes=('cat', 'dog', 'sky'), thing_classes=('cat', 'dog'), stuff_classes=('sky',))

    def said(count, **metainfo):
        dataset = dict(type='CocoPanopticDataset', metainfo=metainfo)
        cfg = training_on(dataset, model=dict(roi_head=dict(mask_head=dict(num_classes=count))))
        cfg.val_dataloader = dict(dataset=dataset)
        return list(check_heads(cfg, data_sets(cfg, LOADERS['train'])))

    assert not said(80) and not said(133) and not said(2, **things) and not said(3, **things)
    assert 'num_classes is 1,' in said(1, **things)[0] and 'Set num_classes=2' in said(1, **things)[0]
    assert 'Set num_classes=2' in said(4, **things)[0] and 'Set num_classes=80' in said(79)[0]
    assert not said(2, classes=things['classes'])  # only the file knows which are things


def test_a_checkpoint_of_a_detector_that_reads_names_may_have_other_classes(tmp_path):
    path = checkpoint(tmp_path, dataset_meta=dict(classes=('dog', 'cat')))
    cfg = Config(dict(test_dataloader=dict(dataset=coco_with(tmp_path / 'coco')), load_from=path))
    assert "was trained with class 'cat' as label 1" in error_of(cfg, 'test')
    for model in (dict(language_model={}), dict(type='SoftTeacher', detector=dict(language_model={}))):
        check_config(Config(dict(cfg.to_dict(), model=model)), 'test')
