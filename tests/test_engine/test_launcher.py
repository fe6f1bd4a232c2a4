"""Two processes that train together on a CPU: they find each other, finish, and leave nothing behind."""

import socket
import subprocess
import sys

import pytest
from cli import ROOT, environment

CLASSIFIER = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
DETECTOR = ROOT / 'configs/detection/faster_rcnn_tiny_digits_multimix.py'
SHORT = {'train_cfg.max_epochs': 1, 'train_dataloader.dataset.per_class': '(0,10)'}
# Runs a tool as its command line does, then writes the names of the threads that are left.
THREADS_AFTER = """
import importlib, os, sys
from pathlib import Path
out, name, *sys.argv[1:] = sys.argv[1:]
sys.path.insert(0, 'tools')
importlib.import_module(name).main()
threads = [Path(f'/proc/self/task/{task}/comm').read_text() for task in os.listdir('/proc/self/task')]
Path(out, os.environ['RANK']).write_text(''.join(threads))
"""


def together(variables, command):
    """Starts the command twice, each process with its own variables; both must succeed."""
    processes = [
        subprocess.Popen(
            [sys.executable, *map(str, command)],
            cwd=ROOT,
            env={**environment(), **variables(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output[-6000:]


def variables(launcher, port):
    """What torchrun or mpirun would tell two processes."""
    where = {'MASTER_ADDR': '127.0.0.1', 'MASTER_PORT': str(port)}
    size, rank, local = {
        'pytorch': ('WORLD_SIZE', 'RANK', 'LOCAL_RANK'),
        'mpi': ('OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK'),
    }[launcher]
    return lambda number: {**where, size: '2', rank: str(number), local: str(number)}


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


@pytest.fixture
def detector_options(tmp_path):
    from mmdet_multimix.datasets.digits_detection import write_digits_detection

    write_digits_detection(tmp_path / 'digits', num_train=8, num_val=4)
    options = {
        f'{split}_dataloader.dataset.data_root': f'{tmp_path}/digits/' for split in ('train', 'val', 'test')
    }
    options |= {
        f'{split}_evaluator.ann_file': f'{tmp_path}/digits/annotations/val.json' for split in ('val', 'test')
    }
    return {
        **options,
        'train_dataloader.batch_size': 2,
        'train_cfg.max_iters': 2,
        'train_cfg.val_interval': 2,
    }


def assert_nothing_left(tmp_path, launcher, port, name, *arguments, options):
    """Runs a tool on two processes, none of which may have a thread of gloo when it is done.

    Such a thread may hold a tensor when the interpreter is gone: about one run in forty aborted.
    """
    command = ['-c', THREADS_AFTER, tmp_path, name, *arguments, '--launcher', launcher]
    options = [f'{key}={value}' for key, value in options.items()]
    together(variables(launcher, port), [*command, '--cfg-options', *options])
    for rank in range(2):
        threads = (tmp_path / str(rank)).read_text().split()
        assert threads and not [thread for thread in threads if 'gloo' in thread], (rank, threads)


def test_a_classifier_by_mpi_then_its_test_by_torchrun(tmp_path, port):
    run = ['--work-dir', tmp_path / 'run']
    assert_nothing_left(tmp_path, 'mpi', port, 'train', CLASSIFIER, *run, options=SHORT)
    checkpoint = tmp_path / 'run/epoch_1.pth'
    assert_nothing_left(tmp_path, 'pytorch', port, 'test', CLASSIFIER, checkpoint, *run, options=SHORT)


def test_a_detector_with_hooks(tmp_path, port, detector_options):
    arguments = [DETECTOR, '--work-dir', tmp_path / 'run']
    assert_nothing_left(tmp_path, 'pytorch', port, 'train', *arguments, options=detector_options)
