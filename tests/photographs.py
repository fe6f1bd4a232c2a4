"""Small photographs with boxes, in the layouts that people have."""

import json

import numpy as np
from PIL import Image

from mmdet_multimix.preparing import prepare

SIZE = (60, 40)
BOXES = {'cat': (5, 6, 25, 30), 'dog': (30, 8, 55, 36)}


def photograph(path, size=SIZE, seed=0, exif=None, **options):
    """Writes an image of noise, of its own for each seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(pixels)
    if exif:
        options['exif'] = Image.Exif()
        options['exif'][0x0112] = exif
    image.save(path, **options)
    return path


def xml(path, objects=None, size=SIZE, filename='', head=''):
    """Writes VOC's annotations; objects are pairs of a name and a box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inside = ''
    for name, box in BOXES.items() if objects is None else objects:
        sides = zip(('xmin', 'ymin', 'xmax', 'ymax'), box, strict=True)
        sides = ''.join(f'<{side}>{value}</{side}>' for side, value in sides)
        inside += f'<object><name>{name}</name><bndbox>{sides}</bndbox></object>'
    size = f'<size><width>{size[0]}</width><height>{size[1]}</height></size>' if size else ''
    text = f'{head}<annotation><filename>{filename}</filename>{size}{inside}</annotation>'
    path.write_text(text, encoding='utf-8')
    return path


def flat_voc(root, count=4, ending='.JPG'):
    """XML beside the images, in one folder."""
    for index in range(count):
        photograph(root / f'IMG_{index}{ending}', seed=index, format='JPEG')
        xml(root / f'IMG_{index}.xml')
    return root


def label(path, *lines):
    """Writes YOLO's labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{line}\n' for line in lines))
    return path


def fractions(box, size=SIZE):
    """A box as YOLO has it: centre and size in fractions."""
    x1, y1, x2, y2 = box
    w, h = size
    return f'{(x1 + x2) / 2 / w:.6f} {(y1 + y2) / 2 / h:.6f} {(x2 - x1) / w:.6f} {(y2 - y1) / h:.6f}'


YOLO_LINES = [f'{index} {fractions(box)}' for index, box in enumerate(BOXES.values())]


def yolo(root, splits=('train', 'val'), count=2):
    """Ultralytics' layout."""
    for split in splits:
        for index in range(count):
            photograph(root / f'images/{split}/{split}{index}.png', seed=index + 10 * len(split))
            label(root / f'labels/{split}/{split}{index}.txt', *YOLO_LINES)
    (root / 'data.yaml').write_text(
        ''.join(f'{split}: images/{split}\n' for split in splits) + 'names: {0: cat, 1: dog}\n'
    )
    return root


def coco(root, count=2, name='annotations/instances_train.json', folder='train'):
    """COCO's layout; gives its content, and writes it."""
    content = dict(images=[], annotations=[], categories=[dict(id=3, name='cat'), dict(id=1, name='dog')])
    for index in range(count):
        photograph(root / folder / f'{index}.png', seed=index)
        content['images'].append(dict(id=index, file_name=f'{index}.png', width=SIZE[0], height=SIZE[1]))
        for category, (x1, y1, x2, y2) in zip((3, 1), BOXES.values(), strict=True):
            content['annotations'].append(
                dict(
                    id=len(content['annotations']),
                    image_id=index,
                    category_id=category,
                    bbox=[x1, y1, x2 - x1, y2 - y1],
                    area=(x2 - x1) * (y2 - y1),
                    iscrowd=0,
                )
            )
    write(root / name, content)
    return content


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def prepared(root, **options):
    """What :func:`prepare` says, and what it has written: for each split, the boxes of each image by class."""
    output = root.parent / f'{root.name}_out'
    said = prepare(root, output, overwrite=True, **options)
    splits = {}
    for path in output.glob('*.json'):
        if path.stem != 'report':
            content = json.loads(path.read_text())
            names = {entry['id']: entry['name'] for entry in content['categories']}
            boxes = {image['file_name']: [] for image in content['images']}
            files = {image['id']: image['file_name'] for image in content['images']}
            for entry in content['annotations']:
                x, y, w, h = entry['bbox']
                boxes[files[entry['image_id']]].append(
                    (names[entry['category_id']], (x, y, x + w, y + h), entry['iscrowd'])
                )
            splits[path.stem] = boxes
    return said, splits, json.loads((output / 'report.json').read_text())


WHOLE = [(name, box, 0) for name, box in BOXES.items()]
