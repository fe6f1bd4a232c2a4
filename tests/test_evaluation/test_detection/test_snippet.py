"""The snippet of docs/measures.md, which applies an exported calibrator without this package."""

import json
import re
import subprocess
import sys

import detection_loops as loops
import numpy as np
import pytest
import torch
from cli import ROOT
from tolerances import TOLERANCE

from mmdet_multimix.evaluation.detection import coco_detections, coco_ground_truth, fit_calibrator, match


@pytest.mark.parametrize('target', ['precision', 'iou'])
@pytest.mark.parametrize('method', ['temperature', 'isotonic'])
def test_it_gives_the_scores_of_the_calibrator(method, target, tmp_path):
    blocks = re.findall(r'^```python\n(.*?)^```', (ROOT / 'docs/measures.md').read_text(), re.DOTALL | re.M)
    snippet = next(block for block in blocks if 'json.load' in block)
    assert 10 <= len(snippet.strip().splitlines()) <= 13
    coco, results = loops.scene(images=60, seed=1)
    results[0]['score'] = 1.0
    truth = coco_ground_truth(coco)
    detections = coco_detections(results, truth)
    calibrator = fit_calibrator(method, target, match(truth, detections), truth.category_ids)
    (tmp_path / 'calibrators').mkdir()
    calibrator.save(tmp_path / 'calibrators/isotonic_iou.json')
    (tmp_path / 'results.bbox.json').write_text(json.dumps(results))
    end = "\njson.dump(detections, open('out.json', 'w'))\n"
    subprocess.run([sys.executable, '-c', snippet + end], check=True, cwd=tmp_path)
    found = coco_detections(json.loads((tmp_path / 'out.json').read_text()), truth)
    expected = calibrator(detections)
    assert 0 < len(expected) < len(detections) and (found.boxes == expected.boxes).all()
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0, atol=TOLERANCE[torch.float64])
