"""Detection sets of a few images in exactly the layouts of COCO and Pascal VOC."""

import json

from mmdet.datasets import CocoDataset
from PIL import Image


def _write_images(folder, count):
    folder.mkdir(parents=True)
    for index in range(count):
        Image.effect_noise((64, 48), 60).convert('RGB').save(folder / f'{index:06d}.jpg')


def write_coco(root):
    """COCO's own layout: an image without objects, a crowd, a box without width, most classes absent."""
    names = CocoDataset.METAINFO['classes']
    boxes = [
        dict(bbox=[4, 4, 30, 20], category_id=1, iscrowd=0),
        dict(bbox=[20, 10, 30, 30], category_id=80, iscrowd=0),
        dict(bbox=[0, 0, 60, 40], category_id=1, iscrowd=1),
        dict(bbox=[5, 5, 0, 10], category_id=1, iscrowd=0),
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


_OBJECT = (
    '<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>'
    '<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>'
)


def write_voc(root):
    """VOC's own layout: a difficult object, a box without height, an image without objects."""
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


def coco_with(root, names=('cat', 'dog')):
    """A set in COCO's format with an image and a box of each name, and the config that names it."""
    (root / 'images').mkdir(parents=True)
    content = dict(images=[], annotations=[], categories=[])
    for i, name in enumerate(names):
        Image.new('RGB', (12, 10)).save(root / f'images/{i}.png')
        content['categories'].append(dict(id=7 * i, name=name))
        content['images'].append(dict(id=i, file_name=f'{i}.png', width=12, height=10))
        content['annotations'].append(
            dict(id=i + 1, image_id=i, category_id=7 * i, bbox=[1, 2, 3, 4], area=12, iscrowd=0)
        )
    (root / 'ann.json').write_text(json.dumps(content))
    return dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file='ann.json',
        data_prefix=dict(img='images/'),
        metainfo=dict(classes=tuple(names)),
    )


def voc_with(root, names=('cat', 'dog')):
    """A set in VOC's format with an image and an object of each name, and the config that names it."""
    for folder in ('ImageSets/Main', 'Annotations', 'JPEGImages'):
        (root / folder).mkdir(parents=True)
    for index, name in enumerate(names):
        Image.new('RGB', (12, 10)).save(root / f'JPEGImages/{index}.jpg')
        text = (
            f'<a><size><width>12</width><height>10</height></size>{_OBJECT.format(name, 0, 2, 2, 8, 9)}</a>'
        )
        (root / f'Annotations/{index}.xml').write_text(text)
    (root / 'ImageSets/Main/train.txt').write_text('\n'.join(str(i) for i in range(len(names))))
    return dict(
        type='XMLDataset',
        data_root=str(root),
        ann_file='ImageSets/Main/train.txt',
        data_prefix=dict(sub_data_root=''),
        metainfo=dict(classes=('cat', 'dog')),
    )
