"""Sets in LVIS's format: AP by frequency, federated rules, and what is said where the package lvis is not there."""

import importlib.machinery
import importlib.util
import json
import sys
import types
from collections import defaultdict

import pytest
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdet_multimix.checks import PreflightError, check_config, check_data
from mmdet_multimix.datasets.digits_detection import write_digits_detection
from mmdet_multimix.evaluation.detection import Detections, measure_detections
from mmdet_multimix.evaluation.detection.data import ground_truth
from mmdet_multimix.evaluation.detection.report import markdown

ADDRESS = 'http://images.cocodataset.org/'


class Reader:
    """What mmdet uses of the package, where that is not installed."""

    def __init__(self, path):
        with open(path) as file:
            self.content = json.load(file)
        self.cat_img_map = defaultdict(list)
        for annotation in self.content['annotations']:
            self.cat_img_map[annotation['category_id']].append(annotation['image_id'])

    def get_cat_ids(self):
        return sorted(entry['id'] for entry in self.content['categories'])

    def get_img_ids(self):
        return sorted(entry['id'] for entry in self.content['images'])

    def load_imgs(self, ids):
        return [entry for entry in self.content['images'] if entry['id'] in ids]

    def get_ann_ids(self, img_ids):
        return [entry['id'] for entry in self.content['annotations'] if entry['image_id'] in img_ids]

    def load_anns(self, ids):
        return [entry for entry in self.content['annotations'] if entry['id'] in ids]


@pytest.fixture
def package(monkeypatch):
    if importlib.util.find_spec('lvis') is None:
        module = types.ModuleType('lvis')
        module.LVIS, module.__spec__ = Reader, importlib.machinery.ModuleSpec('lvis', None)
        monkeypatch.setitem(sys.modules, 'lvis', module)


@pytest.fixture(scope='module')
def lvis(tmp_path_factory):
    """The long-tailed digits in the layout of LVIS v1: no file names, and lists of what was looked for."""
    init_default_scope('mmdet')
    root = tmp_path_factory.mktemp('lvis')
    write_digits_detection(root, num_train=300, num_val=12, imbalance=50)
    for split in ('train', 'val'):
        path = root / f'annotations/{split}.json'
        coco = json.loads(path.read_text())
        for image in coco['images']:
            image['coco_url'] = f'{ADDRESS}{split}/{image.pop("file_name")}'
            there = {a['category_id'] for a in coco['annotations'] if a['image_id'] == image['id']}
            image['neg_category_ids'] = [i for i in range(1, 6) if i not in there]
            image['not_exhaustive_category_ids'] = []
        path.write_text(json.dumps(coco))
    return root


def config(root, split):
    pipeline = [dict(type='LoadImageFromFile'), dict(type='PackDetInputs')]
    return dict(
        type='LVISV1Dataset',
        data_root=f'{root}/',
        ann_file=f'annotations/{split}.json',
        data_prefix=dict(img=''),
        metainfo=dict(classes=tuple('0123456789')),
        pipeline=pipeline,
    )


def whole(root):
    loaders = {
        f'{split}_dataloader': dict(batch_size=2, dataset=config(root, split)) for split in ('train', 'val')
    }
    cfg = dict(**loaders, test_dataloader=loaders['val_dataloader'], val_evaluator=[], test_evaluator=[])
    return Config(dict(**cfg, model=dict(bbox_head=dict(num_classes=10)), train_cfg=dict(max_epochs=1)))


def test_classes_are_measured_by_their_frequency(lvis, package):
    dataset = DATASETS.build({**config(lvis, 'val'), 'test_mode': True})
    truth, image_of = ground_truth(dataset)
    assert image_of.tolist() == list(range(12)) and set(truth.frequencies) == {'r', 'c', 'f'}
    # Every frequent object is found; a box of class 9, which was not looked for where it is not, costs nothing.
    frequent = [truth.frequencies[label] == 'f' for label in truth.labels]
    without = next(i for i in range(12) if 9 not in truth.labels[truth.images == i])
    found = Detections(
        [*truth.images[frequent], without],
        [*truth.labels[frequent], 9],
        [*truth.boxes[frequent], [0, 0, 50, 50]],
        [0.9] * sum(frequent) + [0.99],
    )
    values = measure_detections(truth, found).values
    assert (values['ap']['mAP_f'], values['ap']['mAP_c'], values['ap']['mAP_r']) == (1, 0, 0)
    assert values['d_ece'] == pytest.approx(0.1)  # of boxes that are all right
    assert [row['frequency'] for row in values['ap']['classes'].values()] == truth.frequencies
    page = markdown(values, {}, [])
    assert (
        '| class | frequency | objects | AP |' in page
        and '| 9 | rare | ' in page
        and '| 0 | frequent | ' in page
    )


def test_a_set_of_lvis_passes_the_checks(lvis, package):
    check_config(whole(lvis), 'train')
    check_config(whole(lvis), 'test')
    assert check_data([whole(lvis)], {'annotations/train.json': 300}) == []
    (problem,) = check_data([whole(lvis)], {'annotations/train.json': 301})
    assert 'lists 300 images, but must have 301' in problem


def test_a_missing_package_is_one_line_before_anything(lvis, monkeypatch):
    monkeypatch.setitem(sys.modules, 'lvis', None)  # as if it was not installed
    cfg = whole(lvis)
    cfg.test_evaluator = dict(type='LVISMetric', ann_file=f'{lvis}/annotations/val.json')
    with pytest.raises(PreflightError) as error:
        check_config(cfg, 'test')
    assert str(error.value).splitlines() == [
        'cannot test:',
        '  - test_dataloader.dataset: LVISV1Dataset needs the package lvis, which is not installed: pip install lvis',
        '  - test_evaluator: LVISMetric needs the package lvis, which is not installed: pip install lvis',
    ]
