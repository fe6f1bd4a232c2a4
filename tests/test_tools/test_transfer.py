"""Transfer experiments through the real command, processes, files and signals."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from cli import ROOT, call, drive, environment, kill_all, pids_of, tool, wait_for
from mmdet.registry import MODELS
from mmengine.config import Config
from tiny_sets import write_voc

from experiments.scalars import last_scalar, read_scalars
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
robustness = dict(corruptions=('fog', 'contrast'), severities=(1, 5), images=3)
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
PRETRAINING, SSD, BROKEN = (
    'pretrain/classifier/seed0',
    'tiny/seed0/ssd/cross_entropy',
    'tiny/seed0/broken/cross_entropy',
)


@pytest.fixture(scope='module')
def experiment(tmp_path_factory):
    """A cell that goes through and one that fails: its backbone does not fit."""
    folder = tmp_path_factory.mktemp('experiment')
    for name, text in (('tiny', TINY), ('classifier', CLASSIFIER), ('detector', DETECTOR)):
        (folder / f'{name}.py').write_text(text.format(root=ROOT))
    return folder / 'tiny.py'


@pytest.fixture(scope='module')
def alone(experiment):
    """The same without the cell that fails, which has no part in the table."""
    path = shutil.copytree(experiment.parent, experiment.parent.with_name('alone')) / 'tiny.py'
    path.write_text(path.read_text() + "del detectors['broken']\n")
    return path


def result_of(work_dir, cell):
    (path,) = (work_dir / cell).glob('result-*.json')
    return json.loads(path.read_text())


def table_of(work_dir):
    return (work_dir / 'tiny/table.md').read_text()


@pytest.fixture(scope='module')
def done(experiment, tmp_path_factory):
    """The experiment run on a machine of two GPUs, as it is told: its work dir, and what it said."""
    folder = tmp_path_factory.mktemp('done')
    assert (
        drive('transfer.py', experiment, folder / 'work', folder / 'log', gpus='0,1').wait(timeout=400) == 1
    )
    return folder / 'work', (folder / 'log').read_text()


def test_a_failure_stops_nothing_else_and_is_named_with_its_log(done):
    work_dir, printed = done
    assert '[1/3] seed 0: classifier, cross-entropy: top-1 ' in printed
    assert 'seed 0: SSD, cross-entropy: coco/bbox_mAP ' in printed
    assert 'does not fit ResNet' in printed and '1 of 3 cells failed' in printed
    assert f'log: {work_dir}/{BROKEN}.log' in printed
    assert 'does not fit ResNet' in (work_dir / f'{BROKEN}.log').read_text()
    assert '| cross-entropy | 1 | ' in table_of(work_dir) and table_of(work_dir) in printed
    report = json.loads((work_dir / 'tiny/results.json').read_text())
    ours, broken = report['cells']
    assert ours['state'] == 'done' and ours['seconds'] > 0 and ours['processes'] == [1]
    made_with = ours['made_with']
    assert made_with['torch'] and made_with['mmdet_multimix'] and 'commit' in made_with
    assert broken['state'] == 'failed' and 'does not fit ResNet' in broken['message']
    assert report['pretraining'][0]['state'] == 'done'
    assert (work_dir / 'tiny/ssd.png').exists()


def test_two_cells_run_side_by_side_each_on_a_gpu_of_its_own(done):
    logs = [(done[0] / f'{cell}.log').read_text() for cell in (SSD, BROKEN)]
    assert {re.search('GPUs of this cell: (.*)', log)[1] for log in logs} == {'0', '1'}


def test_a_cell_measures_what_the_command_line_does(done, monkeypatch):
    """Though it trains and tests in one process."""
    cell = done[0] / SSD
    options = dict(
        re.findall(r'(\S+?)=(\S+)', re.search('--cfg-options(.*)', (done[0] / f'{SSD}.log').read_text())[1])
    )
    tool(
        'test.py',
        *(next(cell.glob('*.py')), cell / 'iter_30.pth', '--work-dir', done[0] / 'tested'),
        options={key: value for key, value in options.items() if '_delete_' not in key},
    )
    (path,) = (done[0] / 'tested').glob('*/*.json')
    tested = {key: value for key, value in json.loads(path.read_text()).items() if 'time' not in key}
    found = result_of(done[0], SSD)
    assert tested == {key: found[key] for key in tested} and len(tested) == 6
    arguments = (
        '--measures calibration corruptions --corruptions fog contrast --severities 1 5 --corrupted-images 3'
    )
    call(
        monkeypatch,
        'evaluate.py',
        *(next(cell.glob('*.py')), cell / 'iter_30.pth', *arguments.split(), '--out', done[0] / 'measured'),
        options={key: value for key, value in options.items() if '_delete_' not in key},
    )
    measures = json.loads((done[0] / 'measured/report.json').read_text())['measures']
    assert {key: found[key] for key in ('d_ece', 'laece', 'mpc')} == {
        key: measures[key] for key in ('d_ece', 'laece', 'mpc')
    }


def killed_at(left, stage, number, alone, done, tmp_path):
    """The work dir of a command that was ended when a cell had left a file, but no result."""
    for attempt in range(3):  # a busy machine may give the killer no turn before the cell's end
        work_dir, log = tmp_path / f'work{attempt}', tmp_path / f'killed{attempt}.log'
        killed = work_dir / stage
        if stage == SSD:
            shutil.copytree(done[0] / 'pretrain', work_dir / 'pretrain')
        # A script that starts it with `&` has it ignore Ctrl-C; SIGTERM must end all of it nevertheless.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN if number == signal.SIGTERM else signal.SIG_DFL)
        driver = drive('transfer.py', alone, work_dir, log)
        signal.signal(signal.SIGINT, before)
        wait_for(lambda: any(killed.glob(left)), driver)  # noqa: B023
        if number == signal.SIGKILL:
            kill_all(work_dir)
        else:
            driver.send_signal(number)
        assert driver.wait(timeout=60) != 0
        assert not pids_of(work_dir)
        if number == signal.SIGTERM:
            assert 'interrupted; the same command goes on from here' in log.read_text()
        if not list(killed.glob('result-*.json')):
            break
    assert not list(killed.glob('result-*.json'))
    return work_dir


@pytest.mark.parametrize(
    'stage, number', [(PRETRAINING, signal.SIGKILL), (SSD, signal.SIGKILL), (SSD, signal.SIGTERM)]
)
def test_what_was_killed_ends_in_the_same_table(stage, number, alone, done, tmp_path):
    """SIGKILL of every process, as when the machine goes down; SIGTERM of the command alone, which ends the rest."""
    work_dir = killed_at('last_checkpoint', stage, number, alone, done, tmp_path)
    again = drive('transfer.py', alone, work_dir, tmp_path / 'again.log')
    assert again.wait(timeout=400) == 0
    assert 'resumed epoch: ' in (work_dir / f'{stage}.log').read_text()
    assert table_of(done[0]).startswith(table_of(work_dir)) and '| cross-entropy | 1 | ' in table_of(work_dir)
    for cell, scalar in ((PRETRAINING, 'accuracy/top1'), (PRETRAINING, 'loss'), (SSD, 'loss')):
        assert read_scalars(work_dir / cell, scalar) == read_scalars(done[0] / cell, scalar)
    said = (tmp_path / 'again.log').read_text()
    assert ('classifier, cross-entropy: top-1' in said) == (stage == PRETRAINING)  # else done before


def test_a_killed_measurement_goes_on(alone, done, tmp_path):
    predictions = 'evaluation/predictions/*/*.npz'
    work_dir = killed_at(predictions, SSD, signal.SIGKILL, alone, done, tmp_path)
    made = {path: path.stat().st_mtime_ns for path in (work_dir / SSD).glob(predictions)}
    assert 0 < len(made) < 5  # the test set and two corruptions at two severities
    trained = (work_dir / SSD / 'iter_30.pth').stat().st_mtime_ns
    assert drive('transfer.py', alone, work_dir, tmp_path / 'again.log').wait(timeout=400) == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert (work_dir / SSD / 'iter_30.pth').stat().st_mtime_ns == trained
    assert len(list((work_dir / SSD).glob(predictions))) == 5
    ours, theirs = result_of(work_dir, SSD), result_of(done[0], SSD)
    assert {'laece', 'mpc'} <= {key for key, value in ours.items() if value is not None}
    assert all(ours[key] == theirs[key] for key in ('coco/bbox_mAP', 'd_ece', 'laece', 'mpc'))
    assert table_of(done[0]).startswith(table_of(work_dir)) and '| mPC | gain |' in table_of(work_dir)


def test_a_cell_that_outlives_its_driver_is_waited_for(alone, done, tmp_path):
    work_dir = tmp_path / 'work'
    shutil.copytree(done[0] / 'pretrain', work_dir / 'pretrain')
    driver = drive('transfer.py', alone, work_dir, tmp_path / 'killed.log')
    wait_for((work_dir / SSD / 'last_checkpoint').exists, driver)
    cells = pids_of(work_dir, '-m experiments.cell', SSD)
    for pid in cells:
        os.kill(pid, signal.SIGSTOP)  # or it may have ended before the next driver comes
    kill_all(work_dir, but=cells)
    driver.wait()
    again = drive('transfer.py', alone, work_dir, tmp_path / 'again.log')
    wait_for(lambda: 'waiting until it has ended' in (work_dir / f'{SSD}.log').read_text(), again)
    for pid in cells:
        os.kill(pid, signal.SIGCONT)
    assert again.wait(timeout=400) == 0
    logged = ''.join(path.read_text() for path in sorted((work_dir / SSD).glob('*/vis_data/scalars.json')))
    steps = [line['step'] for line in map(json.loads, logged.splitlines()) if 'loss' in line]
    assert steps == list(range(1, 31))  # none was trained twice
    assert table_of(done[0]).startswith(table_of(work_dir))


def test_a_changed_config_redoes_what_depends_on_it(done, alone, tmp_path):
    """The last test of `done`, which it changes; its processes are two, as on two GPUs."""
    work_dir = done[0]
    before = (work_dir / PRETRAINING / 'backbone.pth').stat().st_mtime_ns
    changed = shutil.copytree(alone.parent, tmp_path / 'experiment') / 'tiny.py'
    text = changed.read_text().replace(
        "metrics={'mAP'", "options={'train_cfg.max_iters': 6}, metrics={'mAP'", 1
    )
    changed.write_text(text)
    shutil.copy(alone.parent / 'classifier.py', changed.parent)  # by another path, but the same
    printed = tool('transfer.py', changed, '--work-dir', work_dir, '--dry-run')
    assert '1 of 2 cells would run:' in printed
    assert f'{SSD}: its config, options, measures or data have changed' in printed
    assert not (work_dir / f'{SSD}.old1').exists()
    log = tmp_path / 'log'
    assert (
        drive('transfer.py', changed, work_dir, log, '--gpus-per-cell', '2', gpus='0,1').wait(timeout=400)
        == 0
    )
    assert 'classifier, cross-entropy' not in log.read_text().split('checkpoints:')[1].split('#')[0]
    assert (work_dir / PRETRAINING / 'backbone.pth').stat().st_mtime_ns == before
    assert (work_dir / f'{SSD}.old1/iter_30.pth').exists() and (work_dir / SSD / 'iter_6.pth').exists()
    assert result_of(work_dir, SSD)['processes'] == [2]
    said = (work_dir / f'{SSD}.log').read_text()
    assert f'what was in {work_dir / SSD} is kept in' in said and 'GPUs of this cell: 0,1' in said


def test_a_missing_snakemake_is_one_line(alone, tmp_path):
    command = [
        sys.executable,
        str(ROOT / 'tools/transfer.py'),
        str(alone),
        '--work-dir',
        str(tmp_path / 'work'),
    ]
    env = {**environment(), 'MULTIMIX_SNAKEMAKE': '/nowhere/snakemake'}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == 'MULTIMIX_SNAKEMAKE is /nowhere/snakemake, which cannot be run'


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
        # COCO's evaluation says -1 of a size that no object has.
        least = -1 if metric.endswith(('_s', '_m', '_l')) else 0
        assert least <= last_scalar(tmp_path, metric) <= 1
