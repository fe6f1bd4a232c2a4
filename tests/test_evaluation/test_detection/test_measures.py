"""Measures of detectors against hand-worked cases, loops and pycocotools."""

import contextlib
import io
import json
import math

import detection_loops as loops
import numpy as np
import pytest
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tolerances import TOLERANCE

from mmdet_multimix.evaluation.detection import (
    average_precision,
    coco_detections,
    coco_ground_truth,
    d_ece,
    laece,
    lrp,
    lrp_thresholds,
    match,
    measure_detections,
    measure_files,
    nll,
)

CLOSE = TOLERANCE[torch.float64]
SCENES = {
    'many': dict(seed=1),
    'ties': dict(seed=2, levels=10),
    'crowds': dict(seed=3, crowds=0.5),
    'classes without objects': dict(seed=4, classes=12, images=6),
    'more than 100 of a class': dict(seed=5, classes=1, images=3, found=250),
    'one image': dict(seed=6, images=1, objects=9),
}


def arrays(coco, results):
    truth = coco_ground_truth(coco)
    return truth, coco_detections(results, truth)


def coco_eval(coco, results):
    """What pycocotools says: AP (IoU, class, area), NaN of classes without objects."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = coco
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), 'bbox')
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    precision = evaluation.eval['precision'][..., 2].mean(axis=1)
    return np.where(precision < 0, np.nan, precision), evaluation.stats


@pytest.mark.parametrize('name', SCENES)
def test_ap_is_that_of_pycocotools(name):
    coco, results = loops.scene(**SCENES[name])
    truth, detections = arrays(coco, results)
    expected, stats = coco_eval(coco, results)
    matches = match(truth, detections)
    for index, area in enumerate(('all', 's', 'm', 'l')):
        found = average_precision(matches, area)[1:]
        np.testing.assert_allclose(found, expected[:, :, index], rtol=0, atol=CLOSE)
    values = measure_detections(truth, detections).values['ap']
    for key, value in zip(('mAP', 'mAP_50', 'mAP_75', 'mAP_s', 'mAP_m', 'mAP_l'), stats, strict=False):
        assert values[key] == pytest.approx(math.nan if value < 0 else value, abs=CLOSE, nan_ok=True), key
    assert 0.05 < values['mAP'] < 0.9


@pytest.mark.parametrize('name', [name for name in SCENES if '100' not in name])
def test_the_other_measures_are_those_of_the_loops(name):
    coco, results = loops.scene(**SCENES[name])
    truth, detections = arrays(coco, results)
    values = measure_detections(truth, detections).values
    thresholds = loops.lrp_thresholds(coco, results)
    assert values['d_ece'] == pytest.approx(loops.d_ece(coco, results), abs=CLOSE)
    assert values['laece'] == pytest.approx(loops.laece(coco, results, thresholds), abs=CLOSE)
    assert values['nll'] == pytest.approx(loops.nll(coco, results), abs=CLOSE)
    assert values['lrp'] == pytest.approx(loops.lrp(coco, results, thresholds), abs=CLOSE)
    strict = loops.lrp(coco, results, loops.lrp_thresholds(coco, results, 0.5), 0.5)
    assert values['olrp_50'] == pytest.approx(strict, abs=CLOSE)
    for class_name, found in values['classes'].items():
        assert found['threshold'] == pytest.approx(thresholds[class_name], abs=CLOSE)

    matches = match(truth, detections, (0.0, 0.1, 0.75), ('all',))
    everything = (laece(matches).value, laece(matches, tau=0.1, bins=10).value)
    expected = (loops.laece(coco, results), loops.laece(coco, results, None, 0.1, 10))
    assert everything == pytest.approx(expected, abs=CLOSE)
    assert nll(matches, tau=0.75) == pytest.approx(loops.nll(coco, results, 0.75), abs=CLOSE)
    assert lrp(matches, tau=0.75).value == pytest.approx(loops.lrp(coco, results, None, 0.75), abs=CLOSE)
    assert d_ece(matches, tau=0.75, bins=4, min_score=0.1).ece == pytest.approx(
        loops.d_ece(coco, results, 0.75, 4, 0.1), abs=CLOSE
    )
    for label, class_name in enumerate(truth.names):
        one = d_ece(matches, tau=0.75, bins=4, min_score=0.1, label=label)
        expected = loops.d_ece(coco, results, 0.75, 4, 0.1, only=class_name)
        assert (one.ece if one else 0.0) == pytest.approx(expected, abs=CLOSE)
    pooled, of_objects = laece(matches).pooled, loops.matched(coco, results, 0.0).values()
    pairs = [(score, value or 0.0) for kept, objects in of_objects if objects for score, value in kept]
    assert pooled.counts.sum() == len(pairs)
    assert pooled.ece == pytest.approx(loops.binned_error(pairs, 25), abs=CLOSE)


def test_of_equal_overlaps_the_last_object_is_taken():
    """A box between two objects takes one of them, and with it what the next box finds."""
    boxes = ([0, 0, 10, 10], [4, 0, 10, 10])
    for first, second in (boxes, boxes[::-1]):
        coco, _ = by_hand()
        coco['annotations'] = [
            dict(id=i + 1, image_id=0, category_id=1, bbox=b, area=100, iscrowd=0)
            for i, b in enumerate((first, second))
        ]
        results = [
            dict(image_id=0, category_id=1, bbox=box, score=score)
            for box, score in (([2, 0, 10, 10], 0.9), (second, 0.8), (first, 0.1))
        ]
        expected, _ = coco_eval(coco, results)
        found = average_precision(match(*arrays(coco, results)))[1:]
        np.testing.assert_allclose(found, expected[:, :, 0], rtol=0, atol=CLOSE)


def by_hand():
    """Two classes. IoUs of the boxes of class 0, by score: .8, (a double of it) 0, .5, none; of class 1: .25."""

    def annotation(number, category, box):
        area = box[2] * box[3]
        return dict(id=number, image_id=0, category_id=category, bbox=box, area=area, iscrowd=0)

    def result(category, box, score):
        return dict(image_id=0, category_id=category, bbox=box, score=score)

    coco = dict(
        images=[dict(id=0, width=400, height=400)],
        categories=[dict(id=1, name='a'), dict(id=2, name='b')],
        annotations=[
            annotation(1, 1, [0, 0, 10, 10]),
            annotation(2, 1, [100, 0, 10, 10]),
            annotation(3, 1, [200, 0, 10, 10]),
            annotation(4, 2, [0, 100, 10, 10]),
        ],
    )
    results = [
        result(1, [0, 0, 10, 8], 0.9),
        result(1, [0, 0, 10, 9], 0.85),
        result(1, [100, 0, 10, 5], 0.45),
        result(1, [300, 0, 10, 10], 0.35),
        result(2, [0, 100, 10, 2.5], 0.4),
        result(2, [300, 300, 10, 10], 0.2),
    ]
    return coco, results


def test_by_hand():
    """The double box has the larger IoU and the lower score: the surer one takes the object."""
    values = measure_detections(*arrays(*by_hand())).values
    # D-ECE, bins of a tenth, 5 scores from 0.3 on: (.8, .9] holds .9 right and .85 false, precision .5 and
    # mean score .875; (.4, .5] holds .45, right at an IoU of exactly .5; (.3, .4] holds .35 and .4, both false.
    assert values['d_ece'] == pytest.approx((2 * 0.375 + 1 * 0.55 + 2 * 0.375) / 5, abs=CLOSE)
    # LRP at τ = 0 of class a: keeping .9: (.2 + 0 + 2) / 3; and .85: (.2 + 1 + 2) / 4; and .45:
    # (.7 + 1 + 1) / 4 = .675, the least; and .35: (.7 + 2 + 1) / 5. Of class b: keeping .4: .75, the least.
    assert values['classes']['a']['threshold'] == 0.45 and values['classes']['b']['threshold'] == 0.4
    assert values['lrp'] == pytest.approx((0.675 + 0.75) / 2, abs=CLOSE)
    assert values['lrp_localisation'] == pytest.approx((0.7 / 2 + 0.75) / 2, abs=CLOSE)
    assert values['lrp_false_positives'] == pytest.approx((1 / 3 + 0) / 2, abs=CLOSE)
    assert values['lrp_false_negatives'] == pytest.approx((1 / 3 + 0) / 2, abs=CLOSE)
    # oLRP at .5 of a: keeping .9: (.4 + 2) / 3 = .8; and .45: (.4 + 1 + 1 + 1) / 4 = .85. Of b: 1.
    assert values['olrp_50'] == pytest.approx((0.8 + 1) / 2, abs=CLOSE)
    # LaECE_0 of a, bins of .04: (.88, .92] .9 with IoU .8; (.84, .88] .85 with 0; (.44, .48] .45 with .5. Of b:
    # .4 with .25.
    assert values['laece'] == pytest.approx(((0.1 + 0.85 + 0.05) / 3 + 0.15) / 2, abs=CLOSE)


def test_scores_that_are_right_have_no_error():
    """One object and one box an image, whose score is its IoU."""
    coco, results = loops.scene(images=60, seed=8, crowds=0)
    first = {a['image_id']: a for a in reversed(coco['annotations'])}
    coco['annotations'] = list(first.values())
    boxes = {r['image_id']: r for r in results if r['image_id'] in first}
    honest = []
    for image, annotation in first.items():
        x, y, w, h = annotation['bbox']
        box = [x + 40 * boxes[image]['score'], y, w, h] if image in boxes else [x, y, w, h]
        score = min(loops.iou(box, annotation['bbox']), 1)
        honest.append(dict(image_id=image, category_id=annotation['category_id'], bbox=box, score=score))
    truth, detections = arrays(coco, [r for r in honest if r['score'] > 0])
    assert len(set(detections.scores.tolist())) > 10
    assert laece(match(truth, detections)).value == pytest.approx(0, abs=CLOSE)
    certain = detections.subset(detections.scores >= 0.5)
    for score in (1, 0.75):
        same = certain.with_scores(np.full(len(certain), score))
        assert d_ece(match(truth, same)).ece == pytest.approx(1 - score, abs=CLOSE)


def test_a_federated_set_counts_only_what_was_looked_for():
    """As LVIS does: boxes of a class that nobody looked for, or looked for in part only, are not false."""
    coco, results = by_hand()
    coco['categories'][0]['frequency'] = 'f'
    coco['categories'].append(dict(id=3, name='c', frequency='r'))
    coco['categories'][1]['frequency'] = 'r'
    stray = dict(image_id=0, category_id=3, bbox=[0, 0, 10, 10], score=0.95)
    image = coco['images'][0]
    image.update(neg_category_ids=[], not_exhaustive_category_ids=[])

    def d_ece_of(*, absent=(), partial=()):
        image.update(neg_category_ids=absent, not_exhaustive_category_ids=partial)
        values = measure_detections(*arrays(coco, [*results, stray])).values
        assert values['ap']['mAP_r'] == values['ap']['classes']['b']['mAP'] < values['ap']['mAP_f']
        assert math.isnan(values['ap']['classes']['c']['mAP'])
        return values['d_ece']

    assert d_ece_of() == pytest.approx(2.05 / 5, abs=CLOSE)
    assert d_ece_of(absent=[3]) == pytest.approx((2.05 + 0.95) / 6, abs=CLOSE)
    # Of class a only some objects are annotated: its two boxes that find none drop out, the double one too.
    assert d_ece_of(partial=[1]) == pytest.approx((0.1 + 0.55 + 0.4) / 3, abs=CLOSE)


def test_a_federated_set_takes_the_surest_300_of_an_image():
    coco, _ = by_hand()
    coco['images'][0]['neg_category_ids'] = [1, 2]
    results = [
        dict(image_id=0, category_id=1 + i % 2, bbox=[300, 300, 5, 5], score=1 - i / 1000) for i in range(400)
    ]
    matches = match(*arrays(coco, results))
    assert len(matches.scores) == 300 and matches.scores.min() == pytest.approx(1 - 0.299)
    del coco['images'][0]['neg_category_ids']
    matches = match(*arrays(coco, results))
    assert len(matches.scores) == 200 and matches.scores.min() == pytest.approx(1 - 0.199)


@pytest.mark.parametrize('results', [[], [dict(image_id=0, category_id=1, bbox=[50, 50, 5, 5], score=0.1)]])
def test_a_detector_that_finds_nothing_is_measured(results):
    values = measure_detections(*arrays(by_hand()[0], results)).values
    assert values['ap']['mAP'] == 0 and values['lrp'] == 1 and math.isnan(values['d_ece'])
    assert math.isnan(values['laece']) == (not results)


def test_a_set_without_objects_is_measured():
    coco, results = by_hand()
    values = measure_detections(*arrays({**coco, 'annotations': []}, results)).values
    assert math.isnan(values['ap']['mAP']) and math.isnan(values['lrp']) and math.isnan(values['laece'])
    assert values['d_ece'] == pytest.approx((2 * 0.875 + 0.45 + 2 * 0.375) / 5, abs=CLOSE)


def test_progress_is_said():
    coco, results = loops.scene(images=700, objects=3, found=3)
    shares = []
    measure_detections(*arrays(coco, results), shares.append)
    assert len(shares) > 1 and shares == sorted(shares) and shares[-1] <= 1


def test_files_of_any_detector(tmp_path):
    coco, results = by_hand()
    (tmp_path / 'gt.json').write_text(json.dumps(coco))
    (tmp_path / 'results.json').write_text(json.dumps(results))
    values = measure_files(tmp_path / 'gt.json', tmp_path / 'results.json').values
    assert json.dumps(values) == json.dumps(measure_detections(*arrays(coco, results)).values)

    for content, message in (
        ('[{', r'results\.json cannot be read as JSON'),
        (
            '[{"image_id": 5, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1}]',
            r'results\.json: 5 is a key',
        ),
        ('[{"image_id": 0, "category_id": 1, "score": 1}]', r"results\.json: 'bbox' is a key"),
        (json.dumps([{**results[0], 'score': 1.5}]), r'1 of 1 scores are not in \[0, 1\], the first is 1.5'),
        (json.dumps([{**results[0], 'bbox': [math.inf, 0, 1, 1]}]), 'boxes are not finite'),
    ):
        (tmp_path / 'results.json').write_text(content)
        with pytest.raises(ValueError, match=message):
            measure_files(tmp_path / 'gt.json', tmp_path / 'results.json')
    for content, message in (
        ({**coco, 'images': []}, r'gt\.json: the annotations have no images'),
        ({'images': []}, "not laid out like COCO annotations: KeyError 'categories'"),
    ):
        (tmp_path / 'gt.json').write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            measure_files(tmp_path / 'gt.json', tmp_path / 'results.json')
    with pytest.raises(ValueError, match='KeyError 99'):
        coco_ground_truth(coco, [1, 99])
    with pytest.raises(FileNotFoundError, match='nowhere'):
        measure_files(tmp_path / 'nowhere.json', tmp_path / 'results.json')


def test_thresholds_keep_equal_scores_together():
    coco, results = loops.scene(seed=2, levels=4)
    truth, detections = arrays(coco, results)
    matches = match(truth, detections, (0.0,), ('all',))
    thresholds = lrp_thresholds(matches)
    names = loops.lrp_thresholds(coco, results)
    assert thresholds.tolist() == [names[name] for name in truth.names]
    assert lrp(matches, thresholds).value <= min(
        lrp(matches, np.full(len(thresholds), level / 4)).value for level in range(5)
    )
