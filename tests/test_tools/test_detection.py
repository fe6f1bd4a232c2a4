"""Detectors through the real command line, Runner, files and pycocotools."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from cli import ROOT, environment, tool
from mmengine.config import Config

from experiments.scalars import last_scalar, read_scalars
from mmdet_multimix.checkpoints import publish_backbone, read_checkpoint

TINY = ROOT / 'configs/detection/faster_rcnn_tiny_digits_multimix.py'
DETECTION = sorted([*(ROOT / 'configs/detection').glob('*.py'), *(ROOT / 'configs').glob('*.py')])


def iterations(count, checkpoint=2):
    return {
        'train_cfg.max_iters': count,
        'train_cfg.val_interval': count,
        'default_hooks.checkpoint.interval': checkpoint,
        'default_hooks.checkpoint.max_keep_ckpts': 5,
    }


@pytest.fixture(scope='module')
def trained(digits_options, tmp_path_factory):
    work_dir = tmp_path_factory.mktemp('trained')
    tool('train.py', TINY, '--work-dir', work_dir, options={**digits_options, **iterations(4)})
    return work_dir


@pytest.mark.parametrize('path', DETECTION, ids=lambda path: path.stem)
def test_every_config_builds(path):
    from mmdet.registry import MODELS

    from mmdet_multimix import MultiMix

    cfg = Config.fromfile(path)
    for node in (cfg.model.backbone, cfg.model):
        node.init_cfg = None
    model = MODELS.build(cfg.model)
    mixes = any(isinstance(module, MultiMix) for module in model.modules())
    assert mixes == ('multimix' in path.stem)
    hooks = [hook['type'] for hook in cfg.custom_hooks]
    assert 'CheckInvalidLossHook' in hooks
    # Sets that train in minutes are begun again instead.
    assert {'EpochSeedHook', 'IterSeedHook'} & set(hooks) or 'bccd' in path.stem or 'digits' in path.stem


def test_training_logs_both_losses_and_evaluates(trained):
    for key in ('loss_cls', 'loss_multimix'):
        values = read_scalars(trained, key)
        assert [step for step, _ in values] == [1, 2, 3, 4]
        assert all(value > 0 for _, value in values)
    assert 0 <= last_scalar(trained, 'coco/bbox_mAP') <= 1


def test_the_test_tool_evaluates_and_writes_predictions(trained, digits_options, tmp_path):
    out = tmp_path / 'predictions.pkl'
    printed = tool(
        'test.py', TINY, trained / 'iter_4.pth', '--work-dir', tmp_path, '--out', out, options=digits_options
    )
    assert 'bbox_mAP' in printed and out.stat().st_size > 0
    tool('test.py', TINY, trained / 'iter_4.pth', '--out', 'x.txt', fails=True)
    assert 'load_from' in tool('test.py', TINY, 'no.pth', options=digits_options, fails=True)


def test_a_checkpoint_of_another_model_is_neither_tested_nor_resumed(trained, digits_options, tmp_path):
    checkpoint, ssd = trained / 'iter_4.pth', ROOT / 'configs/detection/ssd_tiny_digits.py'
    for arguments in (('test.py', ssd, checkpoint), ('train.py', ssd, '--resume', checkpoint)):
        printed = tool(*arguments, '--work-dir', tmp_path, options=digits_options, fails=True)
        assert f"{ssd}: checkpoint '{checkpoint}' is of another model: it lacks neck." in printed
        assert 'Traceback' not in printed
    wider = {**digits_options, 'model.roi_head.bbox_head.fc_out_channels': 64}
    printed = tool('test.py', TINY, checkpoint, '--work-dir', tmp_path, options=wider, fails=True)
    assert 'is of another model: ' in printed and 'size mismatch for roi_head.bbox_head' in printed


def test_a_killed_run_resumes_where_it_was(trained, digits_options, tmp_path):
    options = {**digits_options, **iterations(4)}
    command = [sys.executable, 'tools/train.py', str(TINY), '--work-dir', str(tmp_path), '--cfg-options']
    command += [f'{key}={value}' for key, value in options.items()]
    with (tmp_path / 'log').open('w') as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + 240
        while not (tmp_path / 'last_checkpoint').exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    start = Path((tmp_path / 'last_checkpoint').read_text()).stem
    assert start in ('iter_2', 'iter_4')
    printed = tool('train.py', TINY, '--work-dir', tmp_path, '--resume', options=options)
    assert 'resumed' in printed.lower()
    assert (tmp_path / 'iter_4.pth').exists()
    assert [step for step, _ in read_scalars(tmp_path, 'loss')][-1] == (4 if start == 'iter_2' else 2)


def test_same_seed_same_run(trained, digits_options, tmp_path):
    tool('train.py', TINY, '--work-dir', tmp_path, options={**digits_options, **iterations(4)})
    ours, theirs = (read_checkpoint(d / 'iter_4.pth')['state_dict'] for d in (tmp_path, trained))
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


STOCK = """
import json, sys
sys.modules['mmdet_multimix'] = None  # any import of the package fails
import torch
from mmengine.config import Config
from mmdet.registry import MODELS
from mmengine.registry import init_default_scope
config, checkpoint, image = sys.argv[1:]
init_default_scope('mmdet')
cfg = Config.fromfile(config, import_custom_modules=False)
head = cfg.model.roi_head.bbox_head
if '--mixed' not in sys.argv:
    head.type = 'Shared2FCBBoxHead'
    head.pop('multimix', None)
model = MODELS.build(cfg.model)
state = torch.load(checkpoint, map_location='cpu', weights_only=False)['state_dict']
model.load_state_dict(state, strict=True)
model.eval()
from mmdet.structures import DetDataSample
sample = DetDataSample(metainfo=dict(img_shape=(96, 96), ori_shape=(96, 96), scale_factor=(1, 1)))
torch.manual_seed(0)
inputs = torch.randint(0, 255, (3, 96, 96), dtype=torch.uint8)
with torch.no_grad():
    result = model.test_step(dict(inputs=[inputs], data_samples=[sample]))[0].pred_instances
torch.save(dict(result.items()), image)
"""


@pytest.mark.smoke
def test_stock_mmdet_loads_it_strictly_and_predicts_the_same(trained, tmp_path):
    """In a process that cannot import this package."""
    (tmp_path / 'stock.py').write_text(STOCK)
    mixed = STOCK.replace("sys.modules['mmdet_multimix'] = None", 'import mmdet_multimix')
    (tmp_path / 'mixed.py').write_text(mixed.replace("if '--mixed' not in sys.argv", 'if False'))
    results = []
    for name in ('stock', 'mixed'):
        arguments = [TINY, trained / 'iter_4.pth', tmp_path / f'{name}.pth']
        subprocess.run(
            [sys.executable, tmp_path / f'{name}.py', *arguments], check=True, cwd=tmp_path, env=environment()
        )
        results.append(torch.load(tmp_path / f'{name}.pth', weights_only=True))
    assert set(results[0]) == {'bboxes', 'scores', 'labels'} and len(results[0]['bboxes']) > 0
    for key, value in results[0].items():
        assert torch.equal(value, results[1][key]), key


def test_without_data_or_backbone_it_ends_at_once_and_says_how_to_get_them():
    for name, words in (
        ('faster_rcnn_r50_multimix', ('instances_train2017.json', 'cocodataset.org')),
        ('faster_rcnn_r50_multimix_voc0712', ('VOC2012/ImageSets/Main/trainval.txt', 'VOCdevkit')),
    ):
        printed = tool(
            'train.py', f'configs/{name}.py', options={'model.backbone.frozen_stages': 1}, fails=True
        )
        assert 'Traceback' not in printed
        for word in (*words, 'publish_backbone.py', 'backbone.pth does not exist'):
            assert word in printed


def few(pipeline_resize):
    return {
        'train_cfg.max_epochs': 1,
        'train_dataloader.num_workers': 0,
        'train_dataloader.persistent_workers': False,
        'val_dataloader.num_workers': 0,
        'val_dataloader.persistent_workers': False,
        'default_hooks.logger.interval': 1,
        **pipeline_resize,
    }


def test_faster_rcnn_r50_trains_on_coco_layout(coco, backbone_r50, tmp_path):
    options = few(
        {
            'train_dataloader.dataset.data_root': f'{coco}/',
            'train_dataloader.dataset.pipeline.2.scale': '(96,64)',
            # One image a batch, the one without objects among them.
            'train_dataloader.batch_size': 1,
            'train_dataloader.dataset.filter_cfg.filter_empty_gt': False,
            'val_dataloader.dataset.data_root': f'{coco}/',
            'val_dataloader.dataset.pipeline.1.scale': '(96,64)',
            'val_evaluator.ann_file': f'{coco}/annotations/instances_val2017.json',
            'model.test_cfg.rcnn.score_thr': 0.0,  # an untrained detector is sure of nothing
            'model.backbone.init_cfg.checkpoint': backbone_r50,
        }
    )
    printed = tool('train.py', 'configs/faster_rcnn_r50_multimix.py', '--work-dir', tmp_path, options=options)
    assert 'ResNet: 100% of 265 parameters and statistics loaded' in printed
    assert last_scalar(tmp_path, 'loss_multimix') > 0
    assert last_scalar(tmp_path, 'coco/bbox_mAP') >= 0


def test_faster_rcnn_r50_trains_on_voc_layout(voc, backbone_r50, tmp_path):
    options = few(
        {
            'val_dataloader.dataset.data_root': f'{voc}/',
            'val_dataloader.dataset.pipeline.1.scale': '(96,64)',
            'model.backbone.init_cfg.checkpoint': backbone_r50,
            'train_dataloader.dataset.times': 1,
        }
    )
    for index in range(2):
        options[f'train_dataloader.dataset.dataset.datasets.{index}.data_root'] = f'{voc}/'
        options[f'train_dataloader.dataset.dataset.datasets.{index}.pipeline.2.scale'] = '(96,64)'
    config = 'configs/faster_rcnn_r50_multimix_voc0712.py'
    tool('train.py', config, '--work-dir', tmp_path, options=options)
    assert last_scalar(tmp_path, 'loss_multimix') > 0
    assert last_scalar(tmp_path, 'pascal_voc/mAP') >= 0


def test_a_user_config_takes_five_lines(digits_options, tmp_path):
    config = tmp_path / 'mine.py'
    config.write_text(
        f"_base_ = '{ROOT}/configs/detection/faster_rcnn_tiny_digits.py'\n"
        "custom_imports = dict(imports=['mmdet_multimix'], allow_failed_imports=False)\n"
        "model = dict(roi_head=dict(bbox_head=dict(loss_cls=dict(_delete_=True, type='MultiMixLoss', n=1000))))\n"
    )
    tool('train.py', config, '--work-dir', tmp_path / 'run', options={**digits_options, **iterations(2)})
    assert last_scalar(tmp_path / 'run', 'loss_multimix') > 0


def test_a_checkpoint_of_another_architecture_stops_the_run(digits_options, backbone_r50, tmp_path):
    options = {
        **digits_options,
        'model.backbone.init_cfg._delete_': True,
        'model.backbone.init_cfg.type': 'MultiMixPretrained',
        'model.backbone.init_cfg.checkpoint': backbone_r50,
    }
    printed = tool('train.py', TINY, '--work-dir', tmp_path, options=options, fails=True)
    assert 'does not fit ResNet' in printed and 'misshapen' in printed
    assert not list(tmp_path.glob('*.pth'))


def test_nan_stops_the_run_with_a_message(digits_options, tmp_path):
    options = {
        **digits_options,
        **iterations(4),
        'optim_wrapper.optimizer.lr': '1e30',
        'optim_wrapper.clip_grad': 'None',
    }
    options['param_scheduler'] = '[]'
    printed = tool('train.py', TINY, '--work-dir', tmp_path, options=options, fails=True)
    assert 'nan' in printed.lower() or 'infinite' in printed.lower()


def test_two_processes_train_together(digits_options, tmp_path):
    options = {**digits_options, **iterations(2)}
    command = ['bash', 'tools/dist_train.sh', str(TINY), '2', '--work-dir', str(tmp_path), '--cfg-options']
    command += [f'{key}={value}' for key, value in options.items()]
    env = {**environment(), 'PORT': '29517', 'PATH': f'{Path(sys.executable).parent}:{environment()["PATH"]}'}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, (result.stdout + result.stderr)[-5000:]
    assert last_scalar(tmp_path, 'loss_multimix') > 0
    assert (tmp_path / 'iter_2.pth').exists()


def test_dist_train_says_how_to_call_it():
    result = subprocess.run(['bash', str(ROOT / 'tools/dist_train.sh')], capture_output=True, text=True)
    assert result.returncode == 2 and 'CONFIG GPUS' in result.stderr


def test_a_config_of_mmdet_is_a_base():
    named = 'mmdet::ssd/ssd300_coco.py'
    assert f"does not exist: write _base_ = '{named}'" in tool('train.py', named, fails=True)


def test_publishing_a_backbone(trained, tmp_path):
    out = tmp_path / 'backbone.pth'
    assert 'tensors' in tool('publish_backbone.py', trained / 'iter_4.pth', out)
    state = torch.load(out, weights_only=True)['state_dict']
    assert 'conv1.weight' in state and not any(key.startswith(('neck', 'rpn')) for key in state)
    assert 'exists already' in tool('publish_backbone.py', trained / 'iter_4.pth', out, fails=True)


def test_publishing_refuses_what_holds_no_backbone(tmp_path):
    torch.save({'state_dict': {'conv1.weight': torch.ones(1)}}, tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='no backbone'):
        publish_backbone(tmp_path / 'bare.pth', tmp_path / 'x.pth')
    with pytest.raises(FileNotFoundError):
        publish_backbone(tmp_path / 'nowhere.pth', tmp_path / 'x.pth')
    assert not (tmp_path / 'x.pth').exists()


def test_digits_of_pretraining_train_and_val_are_disjoint(digits):
    train, val = (json.loads((digits / f'annotations/{s}.json').read_text()) for s in ('train', 'val'))
    assert len(train['images']) == 8 and len(val['images']) == 4
    for coco in (train, val):
        for annotation in coco['annotations']:
            x, y, w, h = annotation['bbox']
            assert w > 0 and h > 0 and x >= 0 and y >= 0 and x + w <= 96 and y + h <= 96
