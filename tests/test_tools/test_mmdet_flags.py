"""The flags of mmdet's own tools, in those of this package."""

import pickle
import re
import subprocess
import sys
from pathlib import Path

import mmdet
import pytest
import torch
from cli import ROOT, environment, tool
from mmdet.registry import MODELS
from mmengine.config import Config

from mmdet_multimix.checks import PreflightError
from mmdet_multimix.commands import test, train
from mmdet_multimix.commands.tta import add_tta

MMDET = Path(mmdet.__file__).parent / '.mim/tools'
DETECTOR = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """A detector of random weights."""
    path = tmp_path_factory.mktemp('detector') / 'detector.pth'
    torch.manual_seed(0)
    cfg = Config.fromfile(DETECTOR)
    cfg.model.backbone.init_cfg = None
    torch.save({'meta': {}, 'state_dict': MODELS.build(cfg.model).state_dict()}, path)
    return path


@pytest.mark.parametrize('command', [train, test], ids=['train', 'test'])
def test_each_flag_of_mmdets_tool_is_a_flag_of_ours(command, capsys):
    source = (MMDET / f'{command.__name__.rpartition(".")[2]}.py').read_text()
    flags = set(re.findall(r"'(--[\w-]+)'", source))
    with pytest.raises(SystemExit):
        command.parse_args(['--help'])
    assert {'--work-dir', '--launcher'} <= flags <= set(re.findall(r'--[\w-]+', capsys.readouterr().out))


def predictions(path):
    return [image['pred_instances'] for image in pickle.loads(path.read_bytes())]


def test_merged_predictions_are_those_of_mmdets_tool(checkpoint, digits_options, tmp_path):
    given = {**digits_options, 'model.test_cfg.rcnn.score_thr': 0.0, 'model.backbone.init_cfg': None}
    flags = ['--tta', '--work-dir', tmp_path]
    printed = tool('test.py', DETECTOR, checkpoint, *flags, '--out', tmp_path / 'ours.pkl', options=given)
    assert '--tta: the config has no tta_model and no tta_pipeline: mirror images' in printed
    tool('test.py', DETECTOR, checkpoint, *flags[1:], '--out', tmp_path / 'single.pkl', options=given)
    command = [
        sys.executable,
        MMDET / 'test.py',
        DETECTOR,
        checkpoint,
        *flags,
        '--out',
        tmp_path / 'theirs.pkl',
    ]
    command += ['--cfg-options', *(f'{key}={value}' for key, value in given.items())]
    subprocess.run(list(map(str, command)), cwd=ROOT, env=environment(), check=True, capture_output=True)
    ours, theirs, single = (predictions(tmp_path / f'{name}.pkl') for name in ('ours', 'theirs', 'single'))
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine['scores']) > 0
        for key in ('scores', 'bboxes', 'labels'):
            torch.testing.assert_close(mine[key], other[key])
    assert any(not torch.equal(a['scores'], b['scores']) for a, b in zip(ours, single, strict=True))


def test_the_config_says_how_to_merge_and_every_set_makes_copies(capsys):
    cfg = Config.fromfile(DETECTOR)
    leaf, detector = cfg.test_dataloader.dataset, cfg.model
    cfg.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[leaf, leaf])
    cfg.tta_model, cfg.tta_pipeline = (
        dict(type='DetTTAModel', tta_cfg=dict(max_per_img=7)),
        [dict(type='Mine')],
    )
    add_tta(cfg)
    assert cfg.model == dict(type='DetTTAModel', tta_cfg=dict(max_per_img=7), module=detector)
    assert [part.pipeline for part in cfg.test_dataloader.dataset.datasets] == [[dict(type='Mine')]] * 2
    assert capsys.readouterr().out == ''


def test_mirror_images_keep_the_meta_keys_of_the_config():
    cfg = Config.fromfile(DETECTOR)
    before = cfg.test_dataloader.dataset.pipeline
    assert before[-1].type == 'PackDetInputs'
    before[-1].meta_keys = ('img_id', 'flip')
    add_tta(cfg)
    *steps, copies = cfg.test_dataloader.dataset.pipeline
    assert steps == before[:-1]
    assert copies.transforms[1][0].meta_keys == ('img_id', 'flip', 'flip_direction')


def test_merging_is_refused_where_it_cannot_be():
    cfg = Config.fromfile(ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py')
    with pytest.raises(PreflightError, match='--tta is for detectors'):
        add_tta(cfg)
    cfg = Config.fromfile(DETECTOR)
    del cfg.test_dataloader.dataset['pipeline']
    with pytest.raises(PreflightError, match=r'--tta needs test_dataloader\.dataset\.pipeline'):
        add_tta(cfg)


def test_showing_needs_a_screen_and_a_hook(monkeypatch):
    cfg = Config.fromfile(DETECTOR)
    args = test.parse_args(['a.py', 'a.pth', '--show', '--wait-time', '0.5', '--show-dir', 'seen'])
    monkeypatch.setattr(test.matplotlib, 'get_backend', lambda: 'agg')
    with pytest.raises(PreflightError, match='--show finds no screen'):
        test.paint(cfg, args)
    monkeypatch.setattr(test.matplotlib, 'get_backend', lambda: 'tkagg')
    test.paint(cfg, args)
    hook = cfg.default_hooks.visualization
    assert (hook.draw, hook.show, hook.wait_time, hook.test_out_dir) == (True, True, 0.5, 'seen')
    del cfg.default_hooks['visualization']
    with pytest.raises(PreflightError, match=r'--show needs default_hooks\.visualization'):
        test.paint(cfg, args)
