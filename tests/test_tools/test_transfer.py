"""Transfer experiments through the real command, processes, files and signals."""

import contextlib
import fcntl
import json
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from cli import ROOT, environment, tool
from mmdet.registry import MODELS
from mmengine.config import Config
from tiny_sets import write_voc

from experiments import last_scalar, locked, read_scalars
from mmdet_multimix.checkpoints import read_checkpoint

DETECTION = ROOT / 'configs/detection'
PAPER = sorted(path for name in ('voc0712', 'coco') for path in DETECTION.glob(f'*_r50_*{name}*.py'))

TINY = """
methods = {{'cross-entropy': 'classifier.py'}}
detectors = {{
    'SSD': dict(config='detector.py', metrics={{'mAP': 'coco/bbox_mAP'}}),
    'broken': dict(
        config='detector.py', metrics={{'mAP': 'coco/bbox_mAP'}}, options={{'model.backbone.depth': 34}}
    ),
}}
seeds = 1
digits = (8, 4)
"""
CLASSIFIER = """
_base_ = '{root}/configs/pretrain/resnet_tiny_digits_ce.py'
train_cfg = dict(max_epochs=3)
train_dataloader = dict(dataset=dict(per_class=(0, 10)))
"""
# A checkpoint long before the end, and enough iterations behind it to be killed in.
DETECTOR = """
_base_ = '{root}/configs/detection/ssd_tiny_digits.py'
train_cfg = dict(max_iters=30, val_interval=30)
train_dataloader = dict(batch_size=2)
default_hooks = dict(checkpoint=dict(interval=3), logger=dict(interval=1))
"""


@pytest.fixture(scope='module')
def experiment(tmp_path_factory):
    """A cell that goes through and one that fails: its backbone does not fit."""
    folder = tmp_path_factory.mktemp('experiment')
    for name, text in (('tiny', TINY), ('classifier', CLASSIFIER), ('detector', DETECTOR)):
        (folder / f'{name}.py').write_text(text.format(root=ROOT))
    return folder / 'tiny.py'


def drive(experiment, work_dir, log, *flags):
    command = [sys.executable, str(ROOT / 'tools/transfer.py'), str(experiment), '--work-dir', str(work_dir)]
    return subprocess.Popen(
        [*command, *flags],
        cwd=ROOT,
        env=environment(),
        stdout=log.open('w'),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.fixture(scope='module')
def done(experiment, tmp_path_factory):
    """The experiment run by two drivers at once: its work dir, and what they said."""
    folder = tmp_path_factory.mktemp('done')
    logs = [folder / f'{index}.log' for index in range(2)]
    drivers = [drive(experiment, folder / 'work', log) for log in logs]
    assert [driver.wait(timeout=300) for driver in drivers] == [1, 1]
    return folder / 'work', [log.read_text() for log in logs]


def test_two_drivers_run_no_cell_twice_and_go_past_one_that_fails(done):
    work_dir, printed = done
    for job in (
        'pretrain/classifier/seed0',
        'tiny/seed0/ssd/cross_entropy',
        'tiny/seed0/broken/cross_entropy',
    ):
        starts = [log for log in (work_dir / job).glob('2*') if (log / 'vis_data/config.py').exists()]
        assert len(list((work_dir / job).glob('train.log'))) == 1
        assert len([start for start in starts if 'broken' not in job]) <= 2  # a training and its test
    assert sum('seed 0: SSD, cross-entropy: coco/bbox_mAP' in text for text in printed) == 1
    assert sum('seed 0: classifier, cross-entropy: top-1' in text for text in printed) == 1
    for text in printed:
        assert 'does not fit ResNet' in text and '1 of 3 runs failed' in text
    report = json.loads((work_dir / 'tiny/results.json').read_text())
    ours, broken = report['cells']
    assert ours['state'] == 'done' and ours['seconds'] > 0
    assert (
        ours['made_with']['torch'] and ours['made_with']['mmdet_multimix'] and 'commit' in ours['made_with']
    )
    assert broken['state'] == 'failed' and 'does not fit ResNet' in broken['message']
    assert report['pretraining'][0]['state'] == 'done'
    assert (work_dir / 'tiny/ssd.png').exists()


@pytest.mark.parametrize('stage', ['pretraining', 'detector'])
def test_a_killed_driver_ends_in_the_same_table(stage, experiment, done, tmp_path):
    # The cell that fails has no part in the table.
    alone = shutil.copytree(experiment.parent, tmp_path / 'experiment') / 'tiny.py'
    alone.write_text(alone.read_text() + "del detectors['broken']\n")
    work_dir = tmp_path / 'work'
    cell = work_dir / 'tiny/seed0/ssd/cross_entropy'
    killed = cell if stage == 'detector' else work_dir / 'pretrain/classifier/seed0'
    if stage == 'detector':
        shutil.copytree(done[0] / 'pretrain', work_dir / 'pretrain')
    driver = drive(alone, work_dir, tmp_path / 'killed.log')
    deadline = time.monotonic() + 240
    while not (killed / 'last_checkpoint').exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)  # as when the machine goes down: the training too
    driver.wait()
    assert not (killed / 'backbone.pth').exists()
    assert stage == 'pretraining' or read_scalars(cell, 'loss')[-1][0] < 30
    again = drive(alone, work_dir, tmp_path / 'again.log')
    assert again.wait(timeout=300) == 0
    assert 'resumed epoch: ' in (killed / 'train.log').read_text()
    ours, theirs = ((folder / 'tiny/table.md').read_text() for folder in (work_dir, done[0]))
    assert theirs.startswith(ours) and '| cross-entropy | 1 | ' in ours
    other = done[0] / cell.relative_to(work_dir)
    assert read_scalars(cell, 'loss') == read_scalars(other, 'loss')
    for scalar in ('loss', 'accuracy/top1') if stage == 'pretraining' else ():
        other = done[0] / killed.relative_to(work_dir)
        assert read_scalars(killed, scalar) == read_scalars(other, scalar)
    again = (tmp_path / 'again.log').read_text()
    assert ('classifier, cross-entropy ...' in again) == (stage == 'pretraining')


def processes_of(folder):
    """The trainings that a driver has started there through a launcher."""
    found = []
    for entry in Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            told = f'MULTIMIX_LOCKED_FOLDER={folder}'.encode() in (entry / 'environ').read_bytes().split(
                b'\0'
            )
            if told and b'train.py' in (entry / 'cmdline').read_bytes():
                found.append(int(entry.name))
    return found


def test_the_launcher_of_a_cluster_is_looked_for(experiment, tmp_path):
    printed = tool('transfer.py', experiment, '--work-dir', tmp_path, '--launcher', 'slurm', fails=True)
    assert '--launcher slurm needs srun, which is not on the PATH' in printed


def test_processes_of_a_killed_driver_are_waited_for(experiment, done, tmp_path):
    """torchrun's are in a session of their own and inherit no lock: they outlive it, and go on."""
    alone = shutil.copytree(experiment.parent, tmp_path / 'experiment') / 'tiny.py'
    alone.write_text(alone.read_text() + "del detectors['broken']\n")
    work_dir = tmp_path / 'work'
    shutil.copytree(done[0] / 'pretrain', work_dir / 'pretrain')
    cell = work_dir / 'tiny/seed0/ssd/cross_entropy'
    flags = ('--launcher', 'pytorch', '--gpus', '1')
    driver = drive(alone, work_dir, tmp_path / 'killed.log', *flags)
    deadline = time.monotonic() + 240
    while not (cell / 'last_checkpoint').exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    orphans = processes_of(cell)
    assert orphans
    for pid in orphans:
        os.kill(pid, signal.SIGSTOP)  # or it may have ended before the next driver comes
    with locked(cell, wait=False) as lock:
        assert lock is not None  # nobody holds it any more
    with (cell.parent / 'cross_entropy.workers').open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    again = drive(alone, work_dir, tmp_path / 'again.log', *flags)
    while 'processes of a killed driver work in' not in (tmp_path / 'again.log').read_text():
        assert again.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
    for pid in orphans:
        os.kill(pid, signal.SIGCONT)
    assert again.wait(timeout=300) == 0
    logged = ''.join(path.read_text() for path in sorted(cell.glob('*/vis_data/scalars.json')))
    steps = [line['step'] for line in map(json.loads, logged.splitlines()) if 'loss' in line]
    assert steps == list(range(1, 31))  # none was trained twice
    ours, theirs = ((folder / 'tiny/table.md').read_text() for folder in (work_dir, done[0]))
    assert theirs.startswith(ours) and '| cross-entropy | 1 | ' in ours


def test_the_dry_run_says_what_there_is_to_do_and_what_is_missing(tmp_path):
    voc = tmp_path / 'VOCdevkit'
    write_voc(voc)
    shutil.rmtree(voc / 'VOC2012')
    options = {f'{split}_dataloader.dataset.data_root': f'{voc}/' for split in ('val', 'test')}
    options |= {f'train_dataloader.dataset.datasets.{index}.data_root': f'{voc}/' for index in range(2)}
    path = tmp_path / 'mine.py'
    path.write_text(
        f"methods = {{'cross-entropy': '{ROOT}/configs/pretrain/resnet_tiny_digits_ce.py', 'new': 'new.py'}}\n"
        f"detectors = {{'C4': dict(config='{DETECTION}/faster_rcnn_r50_c4_voc0712.py',\n"
        f"    metrics={{'mAP': 'pascal_voc/mAP'}}, options={options!r})}}\n"
        "seeds = 3\npretraining_seeds = 1\ncounts = {'VOC2007/ImageSets/Main/trainval.txt': 4}\n"
    )
    printed = tool('transfer.py', path, '--work-dir', tmp_path / 'work', '--dry-run', fails=True)
    assert '6 cells from 2 pretrained backbones; 0 of 8 runs are done' in printed
    assert 'train and test: C4: 6 runs (0 done), each 120,000 iterations' in printed
    assert f"methods['new']: config {tmp_path}/new.py does not exist" in printed
    assert re.search(
        r'VOC2012/ImageSets/Main/trainval.txt does not exist. Pascal VOC: unpack .*VOC2012', printed
    )
    assert 'Traceback' not in printed and not (tmp_path / 'work').exists()


@pytest.fixture(scope='module')
def backbone_r18(tmp_path_factory):
    path = tmp_path_factory.mktemp('r18') / 'backbone.pth'
    torch.save({'meta': {}, 'state_dict': MODELS.build(dict(type='ResNet', depth=18)).state_dict()}, path)
    return path


@pytest.mark.parametrize('path', [p for p in PAPER if 'multimix' not in p.stem], ids=lambda path: path.stem)
def test_the_papers_cells_take_a_whole_resnet50(path, backbone_r50):
    """Every parameter, layer4 of C4 detectors and none of SSD's included."""
    model = Config.fromfile(path).model
    places = {'backbone': model.backbone}
    if '_c4_' in path.stem:
        places['roi_head.shared_head'] = model.roi_head.shared_head
    for node in places.values():
        node.init_cfg.checkpoint = str(backbone_r50)
    detector = MODELS.build(model)
    detector.backbone.init_weights()
    if '_c4_' in path.stem:
        detector.roi_head.shared_head.init_weights()
    source = read_checkpoint(backbone_r50)['state_dict']
    loaded = {}
    for place in places:
        loaded |= detector.get_submodule(place).state_dict()
    assert all(torch.equal(value, source[key]) for key, value in loaded.items())
    left = set(source) - set(loaded)
    assert {key.split('.')[0] for key in left} == ({'layer4'} if 'ssd' in path.stem else set())


def small(path, coco, voc, backbone):
    """A paper's cell on a ResNet-18, with images of 64 pixels and a few RoIs."""
    options = {
        'model.backbone.depth': 18,
        'train_dataloader.batch_size': 4,
        'default_hooks.logger.interval': 1,
        'default_hooks.checkpoint.interval': 1,
        'model.backbone.init_cfg.checkpoint': backbone,
    }
    for split in ('train', 'val', 'test'):
        options[f'{split}_dataloader.num_workers'] = 0
        options[f'{split}_dataloader.persistent_workers'] = False
    resized = '(300,300)' if 'ssd' in path.stem else '(96,64)'
    for split in ('val', 'test'):
        options[f'{split}_dataloader.dataset.data_root'] = f'{coco if "coco" in path.stem else voc}/'
        options[f'{split}_dataloader.dataset.pipeline.1.scale'] = resized
    if 'coco' in path.stem:
        options['train_dataloader.dataset.data_root'] = f'{coco}/'
        options['train_dataloader.dataset.pipeline.2.scale'] = resized
        for split in ('val', 'test'):
            options[f'{split}_evaluator.ann_file'] = f'{coco}/annotations/instances_val2017.json'
    else:
        for index in range(2):
            options[f'train_dataloader.dataset.datasets.{index}.data_root'] = f'{voc}/'
            if 'ssd' not in path.stem:
                options[f'train_dataloader.dataset.datasets.{index}.pipeline.2.scale'] = resized
    if 'ssd' in path.stem:
        options['model.test_cfg.score_thr'] = 0.0  # an untrained detector is sure of nothing
        channels = '(128,256,512,256,256,256)'
        options |= {'model.neck.in_channels': '(128,256)', 'model.neck.out_channels': channels}
        options['model.bbox_head.in_channels'] = channels
    else:
        options |= {'model.train_cfg.rcnn.sampler.num': 8, 'model.test_cfg.rcnn.score_thr': 0.0}
        options |= {'model.train_cfg.rpn_proposal.max_per_img': 50, 'model.test_cfg.rpn.max_per_img': 20}
    if '_c4_' in path.stem:
        head = 'model.roi_head'
        options |= {f'{head}.shared_head.init_cfg.checkpoint': backbone, f'{head}.shared_head.depth': 18}
        options |= {'model.rpn_head.in_channels': 256, 'model.rpn_head.feat_channels': 64}
        options |= {f'{head}.bbox_roi_extractor.out_channels': 256, f'{head}.bbox_head.in_channels': 512}
    if '_fpn_' in path.stem:
        options |= {
            'model.neck.in_channels': '[64,128,256,512]',
            'model.roi_head.bbox_head.fc_out_channels': 64,
        }
    return options


def call(monkeypatch, name, *arguments, options):
    """A command as the shell starts it, without the ten seconds of a new interpreter."""
    rest = ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]
    monkeypatch.setattr(sys, 'argv', [name, *map(str, arguments), *rest])
    monkeypatch.syspath_prepend(ROOT / 'tools')
    runpy.run_path(str(ROOT / 'tools' / name), run_name='__main__')


@pytest.mark.parametrize('path', PAPER, ids=lambda path: path.stem)
def test_the_papers_cells_train_resume_and_evaluate(path, coco, voc, backbone_r18, tmp_path, monkeypatch):
    options = small(path, coco, voc, backbone_r18)
    counted = 'train_cfg.max_epochs' if 'coco' in path.stem else 'train_cfg.max_iters'
    options['train_cfg.val_interval'] = 2
    for end in (1, 2):
        options |= {counted: end, 'visualizer.name': f'{path.stem}_{end}'}  # the instance is kept by name
        call(monkeypatch, 'train.py', path, '--work-dir', tmp_path, '--resume', options=options)
    assert len(list(tmp_path.glob('*/vis_data/scalars.json'))) == 2
    assert len(read_scalars(tmp_path, 'loss')) == 2
    keys = ['loss_cls', 'loss_bbox', *(['loss_multimix'] if 'multimix' in path.stem else [])]
    for key in keys:
        values = [value for _, value in read_scalars(tmp_path, key)]
        assert values and all(0 <= value < 1e3 for value in values), key
    if 'coco' in path.stem:
        metrics = [f'coco/bbox_mAP{kind}' for kind in ('', '_50', '_75', '_s', '_m', '_l')]
    else:
        metrics = ['pascal_voc/mAP', 'pascal_voc_area/mAP']
    for metric in metrics:
        assert -1 <= last_scalar(tmp_path, metric) <= 1
