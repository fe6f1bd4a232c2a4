import json

import pytest
import torch
from mmdet.datasets import CocoDataset
from mmdet.registry import MODELS
from PIL import Image

from mmdet_multimix.datasets.digits_detection import write_digits_detection


@pytest.fixture(scope='session')
def digits(tmp_path_factory):
    """A tiny detection set in COCO's format."""
    root = tmp_path_factory.mktemp('digits')
    write_digits_detection(root, num_train=8, num_val=4)
    return root


@pytest.fixture(scope='session')
def digits_options(digits):
    """What points the configs of the digits at it."""
    options = {f'{name}_dataloader.dataset.data_root': f'{digits}/' for name in ('train', 'val', 'test')}
    for name in ('val', 'test'):
        options[f'{name}_evaluator.ann_file'] = digits / 'annotations/val.json'
    return {**options, 'train_dataloader.batch_size': 2, 'default_hooks.logger.interval': 1}


def _write_images(folder, count):
    folder.mkdir(parents=True)
    for index in range(count):
        Image.effect_noise((64, 48), 60).convert('RGB').save(folder / f'{index:06d}.jpg')


@pytest.fixture(scope='session')
def coco(tmp_path_factory):
    """COCO's own layout: an image without objects, a crowd, a box without width, most classes absent."""
    root = tmp_path_factory.mktemp('coco')
    names = CocoDataset.METAINFO['classes']
    boxes = [
        dict(bbox=[4, 4, 30, 20], category_id=1, iscrowd=0),
        dict(bbox=[20, 10, 30, 30], category_id=80, iscrowd=0),
        dict(bbox=[0, 0, 60, 40], category_id=1, iscrowd=1),
        dict(bbox=[5, 5, 0, 10], category_id=2, iscrowd=0),
    ]
    (root / 'annotations').mkdir()
    for split in ('train2017', 'val2017'):
        _write_images(root / split, 4)
        annotations = []
        for image_id in range(3):  # the fourth image has no object
            for box in boxes:
                area = max(box['bbox'][2] * box['bbox'][3], 0)
                annotations.append(dict(id=len(annotations) + 1, image_id=image_id, area=area, **box))
                if box['iscrowd']:
                    annotations[-1]['segmentation'] = dict(counts=[0, 64 * 48], size=[48, 64])
        text = json.dumps(
            dict(
                images=[dict(id=i, file_name=f'{i:06d}.jpg', width=64, height=48) for i in range(4)],
                annotations=annotations,
                categories=[dict(id=i + 1, name=name) for i, name in enumerate(names)],
            )
        )
        (root / f'annotations/instances_{split}.json').write_text(text)
    return root


_OBJECT = (
    '<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>'
    '<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>'
)


@pytest.fixture(scope='session')
def voc(tmp_path_factory):
    """VOC's own layout: a difficult object, a box without height, an image without objects."""
    root = tmp_path_factory.mktemp('VOCdevkit')
    objects = [('cat', 0, 5, 5, 50, 44), ('dog', 1, 1, 1, 40, 40), ('person', 0, 8, 9, 30, 9)]
    for year in ('VOC2007', 'VOC2012'):
        _write_images(root / year / 'JPEGImages', 4)
        (root / year / 'Annotations').mkdir()
        (root / year / 'ImageSets/Main').mkdir(parents=True)
        for index in range(4):
            inside = ''.join(_OBJECT.format(*o) for o in objects) if index else ''
            text = f'<annotation><size><width>64</width><height>48</height></size>{inside}</annotation>'
            (root / year / f'Annotations/{index:06d}.xml').write_text(text)
        for split in ('trainval', 'test'):
            (root / year / f'ImageSets/Main/{split}.txt').write_text(''.join(f'{i:06d}\n' for i in range(4)))
    return root


@pytest.fixture(scope='session')
def backbone_r50(tmp_path_factory):
    """A ResNet-50 as tools/publish_backbone.py writes it; random weights."""
    path = tmp_path_factory.mktemp('r50') / 'backbone.pth'
    torch.manual_seed(0)
    torch.save({'meta': {}, 'state_dict': MODELS.build(dict(type='ResNet', depth=50)).state_dict()}, path)
    return path
