"""`--launcher slurm` under a real srun, on a CPU."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli import ROOT, environment

CONFIG = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'
SHORT = ('--cfg-options', 'train_cfg.max_epochs=1', 'train_dataloader.dataset.per_class=(0,10)')


def shell(command, *arguments, **variables):
    result = subprocess.run(
        [*map(str, command), *map(str, arguments)],
        cwd=ROOT,
        env={**environment(), **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    return result.stdout + result.stderr


@pytest.mark.parametrize('tasks', [1, 2])
def test_training_and_testing_end_well_without_gpus(tasks, tmp_path):
    def srun(tool, *arguments):
        command = ['srun', f'--ntasks={tasks}', '--kill-on-bad-exit=1', sys.executable, f'tools/{tool}']
        return shell(command, *arguments, '--work-dir', tmp_path, '--launcher', 'slurm', *SHORT)

    batches = 2 // tasks  # of 100 images, 50 a process
    assert f'[{batches}/{batches}]' in srun('train.py', CONFIG)
    assert 'accuracy/top1' in srun('test.py', CONFIG, tmp_path / 'epoch_1.pth')


def test_the_script_of_mmdet_without_gpus(tmp_path):
    command = ['tools/slurm_train.sh', 'test', 'digits', CONFIG, tmp_path]
    path = f'{Path(sys.executable).parent}:{environment()["PATH"]}'
    shell(command, *SHORT, GPUS='0', CPUS_PER_TASK='1', PATH=path)
    assert (tmp_path / 'epoch_1.pth').exists()
