"""MultiMixHook as a user meets it: a config of a few lines, the command line, a killed run."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from cli import ROOT, environment, tool

from experiments.scalars import last_scalar, read_scalars

HEAD = "custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)\n"


def write(path, base, hook):
    """A user's config: the three lines of the README."""
    hooks = f"custom_hooks = [*_base_.get('custom_hooks', []), {hook!r}]\n"
    path.write_text(f'_base_ = {str(base)!r}\n{HEAD}{hooks}')
    return path


def iterations(count, interval=2):
    return {
        'train_cfg.max_iters': count,
        'train_cfg.val_interval': count,
        'default_hooks.checkpoint.interval': interval,
        'default_hooks.checkpoint.max_keep_ckpts': 5,
    }


SCHEDULE = dict(type='MultiMixHook', n=50, loss_weight=0.2, ramp=4, stop=5, by_epoch=False, interval=1)


@pytest.fixture(scope='module')
def config(tmp_path_factory):
    base = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
    return write(tmp_path_factory.mktemp('mine') / 'mine.py', base, SCHEDULE)


STOCK = """
import sys
sys.modules['mmdet_multimix'] = None  # any import of the package fails
import torch
from mmdet.registry import MODELS
from mmengine.config import Config
from mmengine.registry import init_default_scope
init_default_scope('mmdet')
model = MODELS.build(Config.fromfile(sys.argv[1], import_custom_modules=False).model)
state = torch.load(sys.argv[2], map_location='cpu', weights_only=False)['state_dict']
model.load_state_dict(state, strict=True)
"""


@pytest.mark.smoke
def test_a_resumed_run_goes_on_in_the_schedule(config, digits_options, tmp_path):
    tool('train.py', config, '--work-dir', tmp_path, options={**digits_options, **iterations(2)})
    printed = tool(
        'train.py', config, '--work-dir', tmp_path, '--resume', options={**digits_options, **iterations(6)}
    )
    assert 'MultiMix in roi_head.bbox_head (Shared2FCBBoxHead, CrossEntropyLoss)' in printed
    weights = dict(read_scalars(tmp_path, 'multimix_weight'))
    # By iteration, counted from 1 in the log and from 0 by the schedule.
    assert weights == pytest.approx({1: 0, 2: 0.05, 3: 0.1, 4: 0.15, 5: 0.2, 6: 0})
    losses = dict(read_scalars(tmp_path, 'loss_multimix'))
    assert len(losses) == 6 and losses[1] == 0 and losses[2] > 0  # the log's are running means
    examples = dict(read_scalars(tmp_path, 'multimix_examples'))
    assert examples[1] == examples[6] == 0 and all(examples[step] > 0 for step in (2, 3, 4, 5))
    (tmp_path / 'stock.py').write_text(STOCK)  # where this package cannot be imported
    base = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
    command = [sys.executable, tmp_path / 'stock.py', base, tmp_path / 'iter_6.pth']
    subprocess.run(command, check=True, cwd=tmp_path, env=environment())


RANK_LOG = """
import json, pathlib
from mmdet.registry import HOOKS
from mmengine.dist import get_rank
from mmengine.hooks import Hook

@HOOKS.register_module()
class RankLog(Hook):
    lines = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        objects = sum(len(sample.gt_instances) for sample in data_batch['data_samples'])
        self.lines.append(dict(objects=objects, losses={k: v.item() for k, v in outputs.items()}))
        pathlib.Path(runner.work_dir, f'rank{get_rank()}.json').write_text(json.dumps(self.lines))
"""


def test_one_of_two_processes_sees_no_object(digits, digits_options, tmp_path):
    """Images 0 and 2 go to the first process, 1 and 3, without annotations, to the second.

    Both ways at once: the hook in the box head, and a head with a classifier that is there to mix alone.
    """
    annotations = json.loads((digits / 'annotations/train.json').read_text())
    annotations['images'] = annotations['images'][:4]
    keep = {annotations['images'][index]['id'] for index in (0, 2)}
    annotations['annotations'] = [item for item in annotations['annotations'] if item['image_id'] in keep]
    (tmp_path / 'half.json').write_text(json.dumps(annotations))
    options = {
        **digits_options,
        **iterations(2),
        'train_dataloader.dataset.ann_file': tmp_path / 'half.json',
        'train_dataloader.dataset.filter_cfg.filter_empty_gt': False,
        'train_dataloader.sampler.shuffle': False,
        'train_dataloader.batch_size': 2,
    }
    (tmp_path / 'rank_log.py').write_text(RANK_LOG)
    hook = dict(type='MultiMixHook', n=50, among='balanced')
    base = ROOT / 'configs/detection/faster_rcnn_tiny_digits_dense_multimix.py'
    config = write(tmp_path / 'mine.py', base, hook)
    text = config.read_text().replace("'mmdet_multimix'", "'mmdet_multimix', 'rank_log'", 1)
    config.write_text(text.replace('custom_hooks = [', "custom_hooks = [dict(type='RankLog'), ", 1))
    run = tmp_path / 'run'
    command = ['bash', 'tools/dist_train.sh', config, '2', '--work-dir', run, '--cfg-options']
    command += [f'{key}={value}' for key, value in options.items()]
    env = {**environment(), 'PORT': '29523', 'PYTHONPATH': str(tmp_path)}
    env['PATH'] = f'{Path(sys.executable).parent}:{env["PATH"]}'
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, (result.stdout + result.stderr)[-5000:]
    ranks = [json.loads((run / f'rank{rank}.json').read_text()) for rank in (0, 1)]
    for first, second in zip(*ranks, strict=True):
        assert first['objects'] > 0 and second['objects'] == 0
        assert set(first['losses']) == set(second['losses'])
        assert all(math.isfinite(value) for step in (first, second) for value in step['losses'].values())
        for key in ('loss_multimix', 'loss_dense_multimix', 'loss_dense_cls'):
            assert first['losses'][key] > 0 == second['losses'][key]


def test_retinanet_of_mmdet_in_three_lines(coco, tmp_path):
    hook = dict(type='MultiMixHook', n=100, among='balanced', interval=1)
    config = write(tmp_path / 'retina.py', 'mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', hook)
    options = {
        'train_cfg.max_epochs': 1,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'val_dataloader.num_workers': 0,
        'val_dataloader.persistent_workers': False,
        'default_hooks.logger.interval': 1,
        'train_dataloader.batch_size': 1,
        'train_dataloader.dataset.data_root': f'{coco}/',
        'train_dataloader.dataset.filter_cfg.filter_empty_gt': False,
        'train_dataloader.dataset.pipeline.2.scale': '(96,64)',
        'val_dataloader.dataset.data_root': f'{coco}/',
        'val_dataloader.dataset.pipeline.1.scale': '(96,64)',
        'val_evaluator.ann_file': f'{coco}/annotations/instances_val2017.json',
        'model.backbone.depth': 18,
        'model.backbone.base_channels': 8,
        'model.backbone.init_cfg': 'None',
        'model.neck.in_channels': '[8,16,32,64]',
        'model.test_cfg.score_thr': 0.0,
    }
    printed = tool('train.py', config, '--work-dir', tmp_path / 'run', options=options)
    assert 'MultiMix in bbox_head (RetinaHead, FocalLoss): focal, balanced examples, n=100' in printed
    assert len(read_scalars(tmp_path / 'run', 'loss_multimix')) == 4
    examples = sorted(value for _, value in read_scalars(tmp_path / 'run', 'multimix_examples'))
    assert examples[0] == 0 and examples[1] > 0  # one image has no object
    assert last_scalar(tmp_path / 'run', 'coco/bbox_mAP') >= 0


def test_a_term_with_signal_says_so(digits_options, tmp_path):
    """Three RoIs a tuple, whatever their number: the log shows what that is worth from the start."""
    base = ROOT / 'configs/detection/faster_rcnn_tiny_digits.py'
    hook = dict(type='MultiMixHook', ess=3, among='all', interval=1)
    config = write(tmp_path / 'mine.py', base, hook)
    tool('train.py', config, '--work-dir', tmp_path / 'run', options={**digits_options, **iterations(3)})
    signals = dict(read_scalars(tmp_path / 'run', 'multimix_signal'))
    assert len(signals) == 3 and 0.2 < signals[1] < 0.5, signals
