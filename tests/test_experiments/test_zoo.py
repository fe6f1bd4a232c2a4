"""The walk through mmdet's configs, on a few of them; `tools/try_zoo.py` takes all."""

import json
import subprocess
import sys

import pytest
import torch
from cli import ROOT, environment

from experiments import zoo
from mmdet_multimix.models.detection import mixable_heads
from mmdet_multimix.models.detection.example_choice import ExampleChoice


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setattr('mmengine.model.BaseModule._dump_init_info', lambda *args: None)


GRID = 'grid_rcnn/grid-rcnn_r50_fpn_gn-head_1x_coco.py'


@pytest.mark.parametrize(
    ('config', 'head', 'form'),
    [
        # They draw after the mixing: points of a mask, and jittered boxes of a grid.
        ('point_rend/point-rend_r50-caffe_fpn_ms-1x_coco.py', 'Shared2FCBBoxHead', 'softmax'),
        (GRID, 'Shared2FCBBoxHead', 'softmax'),
        (
            'soft_teacher/soft-teacher_faster-rcnn_r50-caffe_fpn_180k_semi-0.1-coco.py',
            'Shared2FCBBoxHead',
            'softmax',
        ),
        ('gfl/gfl_r50_fpn_1x_coco.py', 'GFLHead', 'quality'),
    ],
)
def test_mixed_with_its_own_losses_to_the_bit(config, head, form):
    result = zoo.try_config(zoo.ROOT / config)
    assert result['outcome'] == 'mixed', result['reason']
    assert {(found['class'], found['form']) for found in result['heads'].values()} == {(head, form)}


def test_a_draw_from_the_global_generator_is_found(monkeypatch):
    choose = ExampleChoice.choose
    monkeypatch.setattr(ExampleChoice, 'choose', lambda *args: (torch.rand(1), choose(*args))[1])
    result = zoo.try_config(zoo.ROOT / GRID)
    assert result['outcome'] == 'wrong' and 'is not the same to the bit' in result['reason']


def test_labels_of_another_image_are_found(monkeypatch):
    choose = ExampleChoice.choose

    def swapped(self, labels, weights, background, origins):
        origins = origins.clone()
        origins[:, 0] = 1 - origins[:, 0]
        return choose(self, labels, weights, background, origins)

    monkeypatch.setattr(ExampleChoice, 'choose', swapped)
    result = zoo.try_config(zoo.ROOT / 'retinanet/retinanet_r18_fpn_1x_coco.py')
    assert result['outcome'] == 'wrong' and 'of another image' in result['reason']


@pytest.mark.parametrize('force', [False, True])
def test_an_rpn_by_another_base_is_refused(force):
    result = zoo.try_config(zoo.ROOT / 'guided_anchoring/ga-rpn_r50-caffe_fpn_1x_coco.py', force=force)
    assert result['outcome'] == 'refused'
    assert 'GARPNHead: it tells objects from background' in result['reason']


def test_a_head_that_is_not_on_the_list_needs_force(monkeypatch):
    config = zoo.ROOT / 'retinanet/retinanet_r18_fpn_1x_coco.py'
    monkeypatch.setattr(mixable_heads, '_shown', lambda: ())
    refused = zoo.try_config(config)
    assert refused['outcome'] == 'refused' and 'force=True' in refused['reason']
    forced = zoo.try_config(config, force=True)
    assert forced['outcome'] == 'mixed' and forced['heads']['bbox_head']['forced']


def test_the_command(tmp_path):
    command = [sys.executable, 'tools/try_zoo.py', '--only', 'retinanet/retinanet_r50_fpn_', '--jobs', '1']
    command += ['--work-dir', str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads((tmp_path / 'results.json').read_text())
    assert result['config'] == 'retinanet/retinanet_r50_fpn_1x_coco.py' and result['files'] > 5
    assert result['outcome'] == 'mixed' and 'RetinaHead (focal)' in (tmp_path / 'table.md').read_text()
    command[3] = 'no such folder'
    failed = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert failed.returncode and 'no config of mmdet' in failed.stderr
