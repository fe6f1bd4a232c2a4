"""The detection set of digits: the plain one and the long-tailed one."""

import json
import subprocess
import sys
from collections import Counter

import pytest
from cli import environment

from mmdet_multimix.datasets.digits_detection import write_digits_detection
from mmdet_multimix.evaluation.detection import coco_detections, coco_ground_truth, measure_detections


def read(root, split='train'):
    return json.loads((root / f'annotations/{split}.json').read_text())


def counts(coco):
    return Counter(a['category_id'] - 1 for a in coco['annotations'])


def test_a_long_tail(tmp_path):
    write_digits_detection(tmp_path / 'even', num_train=300, num_val=40)
    write_digits_detection(tmp_path / 'tail', num_train=300, num_val=40, imbalance=50)
    even, tail = counts(read(tmp_path / 'even')), counts(read(tmp_path / 'tail'))
    assert max(even.values()) < 2 * min(even.values())
    total = sum(tail.values())
    shares = [50 ** (-digit / 9) for digit in range(10)]
    for digit in range(10):
        expected = total * shares[digit] / sum(shares)
        assert abs(tail[digit] - expected) < 4 * expected**0.5 + 1, digit
    validation = [read(tmp_path / name, 'val')['annotations'] for name in ('even', 'tail')]
    assert validation[0] == validation[1]

    # Groups are those of LVIS: by training images that have the class.
    coco = read(tmp_path / 'tail')
    for category in read(tmp_path / 'tail', 'val')['categories']:
        images = {a['image_id'] for a in coco['annotations'] if a['category_id'] == category['id']}
        assert category['frequency'] == ('r' if len(images) <= 10 else 'c' if len(images) <= 100 else 'f')
    assert {c['frequency'] for c in coco['categories']} == {'r', 'c', 'f'}
    assert 'frequency' not in read(tmp_path / 'even')['categories'][0]
    with pytest.raises(ValueError, match=r'imbalance must be at least 1, got 0\.5'):
        write_digits_detection(tmp_path, imbalance=0.5)


def test_ap_by_frequency_of_it(tmp_path):
    """A detector that finds the frequent digits alone."""
    write_digits_detection(tmp_path, num_train=300, num_val=20, imbalance=50)
    coco = read(tmp_path, 'val')
    groups = {c['id']: c['frequency'] for c in coco['categories']}
    results = [{**a, 'score': 0.9} for a in coco['annotations'] if groups[a['category_id']] == 'f']
    truth = coco_ground_truth(coco)
    values = measure_detections(truth, coco_detections(results, truth)).values['ap']
    assert (values['mAP_f'], values['mAP_c'], values['mAP_r']) == (1, 0, 0)
    share = sum(group == 'f' for group in groups.values()) / 10
    assert values['mAP'] == pytest.approx(share)


def test_the_command_writes_the_set_of_the_function(tmp_path):
    command = [sys.executable, '-m', 'mmdet_multimix.datasets.digits_detection', str(tmp_path / 'a')]
    options = ['--num-train', '5', '--num-val', '3', '--imbalance', '50', '--seed', '2']
    said = subprocess.run([*command, *options], check=True, env=environment(), capture_output=True, text=True)
    assert said.stdout.endswith('/a: 5 training images, 3 validation images\n')
    write_digits_detection(tmp_path / 'b', num_train=5, num_val=3, imbalance=50, seed=2)
    for name in ('annotations/train.json', 'annotations/val.json', 'train/00004.png'):
        assert (tmp_path / 'a' / name).read_bytes() == (tmp_path / 'b' / name).read_bytes()
