"""DetCalibration against the measures of the same boxes as files, in one process and in two."""

import os

import detection_loops as loops
import numpy as np
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmdet.structures.bbox import HorizontalBoxes
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from tolerances import TOLERANCE

from mmdet_multimix.evaluation import DetCalibration
from mmdet_multimix.evaluation.detection import coco_detections, coco_ground_truth, measure_detections
from mmdet_multimix.evaluation.detection.boxes import GroundTruth, crowds_of_every_class

CLOSE = TOLERANCE[torch.float32]
SCENE = dict(images=21, seed=3, crowds=0.2)


def corners(items):
    boxes = torch.tensor([item['bbox'] for item in items], dtype=torch.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def labels(items):
    return torch.tensor([item['category_id'] // 10 for item in items], dtype=torch.long)


def samples(wrap=lambda boxes: boxes):
    coco, results = loops.scene(**SCENE)
    for image in coco['images']:
        mine = [a for a in coco['annotations'] if a['image_id'] == image['id']]
        theirs = [r for r in results if r['image_id'] == image['id']]
        sample = {}
        for name, items in (
            ('gt_instances', [a for a in mine if not a['iscrowd']]),
            ('ignored_instances', [a for a in mine if a['iscrowd']]),
            ('pred_instances', theirs),
        ):
            sample[name] = {'bboxes': wrap(corners(items)), 'labels': labels(items)}
        sample['pred_instances']['scores'] = torch.tensor([r['score'] for r in theirs], dtype=torch.float64)
        yield sample


def expected():
    coco, results = loops.scene(**SCENE)
    truth = coco_ground_truth(coco)
    values = measure_detections(truth, coco_detections(results, truth)).values
    return {f'calibration/{name}': values[name] for name in ('d_ece', 'laece', 'lrp')}


@pytest.mark.parametrize('wrap', [lambda boxes: boxes, lambda boxes: HorizontalBoxes(boxes.float())])
def test_agrees_with_the_measures_of_files(wrap):
    init_default_scope('mmdet')
    evaluator = Evaluator(dict(type='DetCalibration'))
    evaluator.dataset_meta = {'classes': ('a', 'b', 'c', 'd')}
    for sample in samples(wrap):
        evaluator.process([sample], {})
    assert evaluator.evaluate(21) == pytest.approx(expected(), rel=CLOSE)


@pytest.mark.parametrize(('classes', 'of_none'), [(('a', 'b'), -1), (('a', 'b'), 2), (None, -1)])
def test_an_ignored_region_of_no_class_is_one_of_every_class(classes, of_none):
    """As CrowdHuman has them: label -1, whichever class is found inside; also of a set without class names."""
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [20.0, 20.0, 60.0, 60.0]])
    values = []
    for ignored in (of_none, 1):
        metric = DetCalibration()
        metric.dataset_meta = {'classes': classes} if classes else None
        sample = dict(
            gt_instances=dict(bboxes=boxes[:1], labels=torch.tensor([0])),
            ignored_instances=dict(bboxes=boxes[1:], labels=torch.tensor([ignored])),
            pred_instances=dict(bboxes=boxes, labels=torch.tensor([0, 1]), scores=torch.tensor([0.8, 0.9])),
        )
        metric.process({}, [sample])
        values.append(metric.evaluate(1))
    assert values[0] == values[1] and values[0]['calibration/lrp'] == 0


@pytest.mark.parametrize('labels', [[0, -1], [-1, 0], [0, 2], [-1, -1], [0, 1]])
def test_crowds_of_no_class_are_spread_over_all_and_nothing_else(labels):
    labels = np.array(labels)
    truth = GroundTruth(
        [7],
        ('a', 'b'),
        [0, 1],
        np.zeros(2, np.int64),
        labels,
        np.arange(8.0).reshape(2, 4),
        np.ones(2),
        np.array([label not in (0, 1) for label in labels]),
    )
    found = crowds_of_every_class(truth)
    rows = {
        (label, *box, crowd) for label, box, crowd in zip(found.labels, found.boxes, found.crowd, strict=True)
    }
    expected = set()
    for label, box, crowd in zip(truth.labels, truth.boxes, truth.crowd, strict=True):
        expected |= {(one, *box, crowd) for one in ((0, 1) if crowd else (label,))}
    assert found.num_objects == 2
    assert rows == expected and len(found.images) == len(found.areas) == len(rows)


def worker(rank, rendezvous, folder):
    dist.init_process_group('gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2)
    metric = DetCalibration()
    metric.dataset_meta = {'classes': ('a', 'b', 'c', 'd')}
    rows = list(samples())
    rows.append(rows[0])  # as a sampler pads 21 images for two processes
    for sample in rows[rank::2]:
        metric.process({}, [sample])
    torch.save(metric.evaluate(21), os.path.join(folder, f'{rank}.pt'))
    dist.destroy_process_group()


def test_two_processes_give_the_values_of_one(tmp_path):
    mp.spawn(worker, (str(tmp_path / 'rendezvous'), str(tmp_path)), nprocs=2)
    for rank in range(2):
        assert torch.load(tmp_path / f'{rank}.pt') == pytest.approx(expected(), rel=CLOSE)


def test_values_that_do_not_exist_are_left_out():
    metric = DetCalibration(min_score=1.0)
    for sample in samples():
        metric.process({}, [sample])
    assert set(metric.evaluate(21)) == {'calibration/laece', 'calibration/lrp'}
    nothing = {'bboxes': torch.zeros(0, 4), 'labels': torch.zeros(0), 'scores': torch.zeros(0)}
    metric = DetCalibration()
    metric.process({}, [{'gt_instances': nothing, 'pred_instances': nothing}])
    assert metric.evaluate(1) == {}


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match=r"add dict\(type='LoadAnnotations', with_bbox=True\) behind Resize"):
        DetCalibration().process({}, [{'pred_instances': {}}])
    with pytest.raises(ValueError, match='min_score must lie in'):
        DetCalibration(min_score=2)
