"""Copies of whole data sets, each spoilt in one way."""

import json
import re
import shutil

import pytest
from checking import detector, training_on

from mmdet_multimix.checks import check_data, count_images


def copied(source, tmp_path):
    return shutil.copytree(source, tmp_path / 'copy')


def data_of(folder, kind):
    """Configs over a copy's folder that are as few as a check needs."""
    if kind == 'voc':
        cfg = detector('faster_rcnn_r50_c4_voc0712')
        for index in range(2):
            cfg.train_dataloader.dataset.datasets[index].data_root = f'{folder}/'
    else:
        cfg = detector('faster_rcnn_r50_c4_coco')
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
    path.write_text('000001\n')
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
    return re.compile(f'1 annotations of .* cannot be read: {path} |{path} has xmin of object 1')


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


def spoil_json(coco):
    path = coco / 'annotations/instances_train2017.json'
    path.write_text(path.read_text()[:-1])
    return f'{path} ends in the middle: it was not copied whole. COCO: unpack'


def spoil_owner(coco):
    path = coco / 'annotations/instances_val2017.json'
    path.write_text(path.read_text().replace('"image_id": 2', '"image_id": 9'))
    return f'4 annotations of {path} belong to no image or have no box: 9, 10, 11 and 1 more. COCO: unpack'


def spoil_folder(coco):
    (coco / 'train2017/000002.jpg').unlink()
    listed, lost = f'{coco}/annotations/instances_train2017.json', f'{coco}/train2017/000002.jpg'
    return f'1 images listed in {listed} are not there or empty: {lost}. COCO: unpack'


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
    monkeypatch.setattr('mmdet_multimix.checks.coco_file.READ_WHOLE', 0)
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


def test_images_are_counted_by_their_format(coco, voc, tmp_path):
    json_set = dict(type='CocoDataset', data_root=str(coco), ann_file='annotations/instances_train2017.json')
    voc_set = dict(type='VOCDataset', data_root=str(voc), ann_file='VOC2007/ImageSets/Main/trainval.txt')
    digits = dict(type='DigitsDataset', split='pretrain_train', transforms=[])
    assert [count_images(dataset, {}) for dataset in (json_set, voc_set, digits)] == [4, 4, 900]
    # What is not there is known from the counts or not at all.
    gone = dict(json_set, data_root=str(tmp_path))
    assert count_images(gone, {'annotations/instances_train2017.json': 7}) == 7
    assert count_images(gone, {}) is None
    folder = dict(type='ImageFolderDataset', data_root=str(tmp_path), split='train')
    assert count_images(folder, {f'{tmp_path}/train': 8}) == 8
    assert count_images(folder, {}) is None


def test_sets_of_one_config_must_have_the_same_classes(coco, tmp_path):
    (cfg, _) = data_of(copied(coco, tmp_path), 'coco')
    names = ('toothbrush',)
    cfg.val_dataloader.dataset.metainfo = dict(classes=names)
    (problem,) = check_data([cfg], {})
    assert problem.startswith('val_dataloader.dataset.metainfo.classes: label 0 is class ')
    # Two configs may differ.
    cfg.train_dataloader.dataset.metainfo = cfg.test_dataloader.dataset.metainfo = dict(classes=names)
    cfg.val_evaluator = cfg.test_evaluator = []
    assert check_data([cfg, data_of(tmp_path / 'copy', 'coco')[0]], {}) == []


def test_a_set_that_one_config_learns_alone_is_checked_as_such(voc, tmp_path):
    """A misspelt class is looked for where the set is all that is trained on, wherever else it stands."""
    copy = copied(voc, tmp_path)
    part = dict(
        type='VOCDataset',
        data_root=f'{copy}/',
        ann_file='VOC2007/ImageSets/Main/trainval.txt',
        data_prefix=dict(sub_data_root='VOC2007/'),
        metainfo=dict(classes=('cat', 'dogs')),
    )
    joined = training_on(dict(type='ConcatDataset', datasets=[part, part]))
    assert check_data([joined], {}) == []
    (problem,) = check_data([joined, training_on(part)], {})
    assert "the classes 'dogs' are in none of the annotations" in problem
