"""The check of data and metrics before a training: what is wrong is named with its remedy."""

import json
import re
import shutil
from pathlib import Path

import pytest
from cli import ROOT
from mmengine.config import Config

from mmdet_multimix.checks.data_check import check_data
from mmdet_multimix.checks.metric_check import check_metrics, empty_result

PRETRAIN = ROOT / 'configs/pretrain'
DETECTION = ROOT / 'configs/detection'


def test_metrics_that_a_test_will_not_give_are_named():
    voc, coco = (Config.fromfile(DETECTION / f'faster_rcnn_r50_c4_{name}.py') for name in ('voc0712', 'coco'))
    assert not list(check_metrics(voc, {'a': 'pascal_voc/mAP', 'b': 'pascal_voc_area/AP50'}))
    assert not list(check_metrics(coco, {'a': 'coco/bbox_mAP', 'b': 'coco/bbox_mAP_l'}))
    (problem,) = check_metrics(coco, {'mAP 50': 'coco/bbox_mAP50'})
    assert problem.startswith(
        "metrics['mAP 50'] is 'coco/bbox_mAP50', but test_evaluator gives coco/bbox_mAP, "
    )
    assert len(list(check_metrics(coco, {'a': 'pascal_voc/mAP', 'b': 'bbox_mAP'}))) == 2
    coco.test_evaluator.classwise = True  # then there is one for each class as well
    assert not list(check_metrics(coco, {'a': 'coco/cat_precision'}))


def test_a_detector_that_finds_nothing_has_a_result_of_zero():
    coco, voc = (Config.fromfile(DETECTION / f'faster_rcnn_r50_c4_{name}.py') for name in ('coco', 'voc0712'))
    zeros = empty_result(coco)
    assert zeros['coco/bbox_mAP'] == zeros['coco/bbox_mAP_s'] == 0.0 and len(zeros) == 6
    assert empty_result(voc) == {}  # mmdet's VOCMetric gives its zeros itself


def data_of(folder, kind):
    """Configs over a copy's folder that are as few as a check needs."""
    if kind == 'voc':
        cfg = Config.fromfile(DETECTION / 'faster_rcnn_r50_c4_voc0712.py')
        for index in range(2):
            cfg.train_dataloader.dataset.datasets[index].data_root = f'{folder}/'
    else:
        cfg = Config.fromfile(DETECTION / 'faster_rcnn_r50_c4_coco.py')
        cfg.train_dataloader.dataset.data_root = f'{folder}/'
        for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
            evaluator.ann_file = f'{folder}/annotations/instances_val2017.json'
    for loader in (cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = f'{folder}/'
    return [cfg, cfg]


VOC_COUNTS = {
    'VOC2007/ImageSets/Main/trainval.txt': 4,
    'VOC2012/ImageSets/Main/trainval.txt': 4,
    'VOC2007/ImageSets/Main/test.txt': 4,
}


def spoil_count(voc):
    path = voc / 'VOC2012/ImageSets/Main/trainval.txt'
    path.write_text('000000\n')
    return f'{path} lists 1 images, but must have 4. Pascal VOC: unpack'


def spoil_year(voc):
    (voc / 'VOC2012').rename(voc / 'elsewhere')
    return f'annotation file {voc}/VOC2012/ImageSets/Main/trainval.txt does not exist. Pascal VOC: unpack'


def spoil_xml(voc):
    path = voc / 'VOC2007/Annotations/000002.xml'
    path.write_text(path.read_text()[:-20])
    return re.compile(f'1 annotations of .* cannot be read: {path} |{path} is not readable XML')


def spoil_box(voc):
    path = voc / 'VOC2007/Annotations/000002.xml'
    path.write_text(path.read_text().replace('<xmin>5</xmin>', ''))
    return re.compile(f'1 annotations of .* cannot be read: {path} ')


def spoil_name(voc):
    path = voc / 'VOC2012/Annotations/000003.xml'
    path.write_text(path.read_text().replace('cat', 'lion'))
    return f"{path} has an object 'lion', which is none of the classes"


def spoil_image(voc):
    path = voc / 'VOC2012/JPEGImages/000001.jpg'
    path.unlink()
    listed = f'{voc}/VOC2012/ImageSets/Main/trainval.txt'
    return f'1 images listed in {listed} are not there or empty: {path}. Pascal VOC'


@pytest.mark.parametrize(
    'spoil',
    [spoil_count, spoil_year, spoil_xml, spoil_box, spoil_name, spoil_image],
    ids=lambda f: f.__name__,
)
def test_what_is_wrong_with_voc_is_named_with_its_remedy(spoil, voc, tmp_path):
    copy = copied(voc, tmp_path)
    assert check_data(data_of(copy, 'voc'), VOC_COUNTS) == []
    expected = spoil(copy)
    problems = check_data(data_of(copy, 'voc'), VOC_COUNTS)
    assert len(problems) >= 1 and len(problems) == len(set(problems))
    if isinstance(expected, str):
        assert problems[0].startswith(expected) and len(problems) == 1
    else:
        assert all(expected.search(problem) for problem in problems)


def test_objects_of_classes_that_are_left_out_on_purpose_are_no_mistake(voc, tmp_path):
    copy = copied(voc, tmp_path)
    configs = data_of(copy, 'voc')
    for dataset in configs[0].train_dataloader.dataset.datasets:
        dataset.metainfo = dict(classes=('cat',))
    for loader in (configs[0].val_dataloader, configs[0].test_dataloader):
        loader.dataset.metainfo = dict(classes=('cat',))
    assert check_data(configs, VOC_COUNTS) == []


def test_what_is_wrong_with_a_classification_set_is_named(tmp_path):
    cfg = Config.fromfile(PRETRAIN / 'resnet50_imagenet_ce.py')
    for split in ('train', 'val'):
        for name in ('cat', 'dog'):
            (tmp_path / split / name).mkdir(parents=True)
            (tmp_path / split / name / '0.JPEG').touch()
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        loader.dataset.data_root = str(tmp_path)
    folder = f'{tmp_path}/train'
    assert check_data([cfg], {folder: 2}) == []
    assert check_data([cfg], {folder: 1281167}) == [
        f'{folder} has 2 images, but must have 1,281,167: copy it whole'
    ]
    (tmp_path / 'val/dog/0.JPEG').unlink()
    (problem,) = check_data([cfg], {folder: 2})
    assert problem.startswith(f'ImageFolderDataset in {tmp_path}/val: ') and 'dog' in problem


def spoil_json(coco):
    path = coco / 'annotations/instances_train2017.json'
    path.write_text(path.read_text()[:-1])
    return f'{path} ends in the middle: it was not copied whole. COCO: unpack'


def spoil_owner(coco):
    path = coco / 'annotations/instances_val2017.json'
    path.write_text(path.read_text().replace('"image_id": 2', '"image_id": 9'))
    return f'4 annotations of {path} belong to no image or have no box: 9, 10, 11 and 1 more. COCO: unpack'


def spoil_folder(coco):
    (coco / 'train2017/000003.jpg').unlink()
    return f'{coco}/train2017 has 3 images, but must have 4. COCO: unpack'


def spoil_file(coco):
    (coco / 'val2017/000002.jpg').write_bytes(b'')
    listed, lost = f'{coco}/annotations/instances_val2017.json', f'{coco}/val2017/000002.jpg'
    return f'1 images listed in {listed} are not there or empty: {lost}. COCO: unpack'


def spoil_images(coco):
    path = coco / 'annotations/instances_val2017.json'
    content = json.loads(path.read_text())
    content['images'].pop()
    path.write_text(json.dumps(content))
    return f'{path} lists 3 images, but must have 4. COCO: unpack'


@pytest.mark.parametrize(
    'spoil', [spoil_json, spoil_owner, spoil_folder, spoil_file, spoil_images], ids=lambda f: f.__name__
)
def test_what_is_wrong_with_coco_is_named_with_its_remedy(spoil, coco, tmp_path):
    copy = copied(coco, tmp_path)
    counts = {f'annotations/instances_{split}.json': 4 for split in ('train2017', 'val2017')}
    assert check_data(data_of(copy, 'coco'), counts) == []
    expected = spoil(copy)
    assert [problem[: len(expected)] for problem in check_data(data_of(copy, 'coco'), counts)] == [expected]


def test_images_of_large_sets_are_counted(coco, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdet_multimix.checks.data_check._READ_WHOLE', 0)
    copy, counts = copied(coco, tmp_path), {'annotations/instances_train2017.json': 4}
    assert check_data(data_of(copy, 'coco'), counts) == []
    (copy / 'train2017/000003.jpg').unlink()
    (problem,) = check_data(data_of(copy, 'coco'), counts)
    assert problem.startswith(f'{copy}/train2017 has 3 images, but must have 4. COCO: unpack')


def test_annotations_of_an_evaluator_that_are_not_there_are_named(coco, tmp_path):
    copy = copied(coco, tmp_path)
    (cfg, _) = data_of(copy, 'coco')
    cfg.val_evaluator.ann_file = str(tmp_path / 'elsewhere.json')
    cfg.test_evaluator = [cfg.test_evaluator, dict(type='CocoMetric', ann_file=str(tmp_path / 'other.json'))]
    problems = check_data([cfg], {})
    assert [problem.split('; ')[0] for problem in problems] == [
        f'val_evaluator.ann_file: annotation file {tmp_path}/elsewhere.json does not exist',
        f'test_evaluator.ann_file: annotation file {tmp_path}/other.json does not exist',
    ]


def copied(source, tmp_path):
    return Path(shutil.copytree(source, tmp_path / 'copy'))
