"""The package as pip builds it: whole, and at work where the checkout is not."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest
from cli import ROOT, environment

LEFT_OUT = (
    '.*',
    '__pycache__',
    'work_dirs',
    'data',
    'build',
    'dist',
    '*.egg-info',
    'tests',
    'docs',
    'benchmarks',
)
TOOLS = ('train.py', 'test.py', 'evaluate.py', 'publish_backbone.py', 'prepare_dataset.py')
TOOLS += ('dist_train.sh', 'slurm_train.sh')


def run(*command, cwd, path=None):
    env = {key: value for key, value in environment().items() if key != 'PYTHONPATH'}
    if path:
        env['PATH'] = f'{path}{os.pathsep}{env["PATH"]}'
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout + done.stderr


@pytest.fixture(scope='module')
def built(tmp_path_factory):
    """The sdist, made of the sources, and the wheel, made of the sdist."""
    folder = tmp_path_factory.mktemp('built')
    shutil.copytree(ROOT, folder / 'source', ignore=shutil.ignore_patterns(*LEFT_OUT))
    run(sys.executable, 'setup.py', '-q', 'sdist', '--dist-dir', folder, cwd=folder / 'source')
    (sdist,) = folder.glob('*.tar.gz')
    flags = ('--no-deps', '--no-index', '--no-build-isolation')
    run(sys.executable, '-m', 'pip', 'wheel', *flags, '--wheel-dir', folder, sdist, cwd=folder)
    (wheel,) = folder.glob('*.whl')
    return sdist, wheel


def shipped():
    """Configs and tools, by their path in the checkout."""
    configs = [path for kind in ('*.py', '*.yml') for path in (ROOT / 'configs').rglob(kind)]
    return {path.relative_to(ROOT).as_posix() for path in configs} | {f'tools/{name}' for name in TOOLS}


def test_the_sdist_holds_what_the_wheel_needs(built):
    with tarfile.open(built[0]) as file:
        names = {name.partition('/')[2] for name in file.getnames()}
    assert shipped() | {'LICENSE', 'README.md', 'mmdet_multimix/supported.py'} <= names
    assert not any(name.startswith(('tests', 'experiments', 'tools/demo')) for name in names)


def test_the_wheel_holds_configs_and_tools(built):
    with zipfile.ZipFile(built[1]) as file:
        names = set(file.namelist())
    packed = {name.removeprefix('mmdet_multimix/.mim/') for name in names if '/.mim/' in name}
    assert packed - {'model-index.yml'} == shipped()
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'mmdet_multimix').rglob('*.py')}
    assert modules == {name for name in names if name.endswith('.py') and '/.mim/' not in name}


@pytest.fixture(scope='module')
def installed(built, tmp_path_factory):
    """The commands of an environment with the wheel, and with the libraries of this one but not its package."""
    folder = tmp_path_factory.mktemp('installed') / 'env'
    run(sys.executable, '-m', 'venv', '--without-pip', folder, cwd=folder.parent)
    python = folder / 'bin' / 'python'
    run(
        sys.executable,
        '-m',
        'pip',
        '--python',
        python,
        'install',
        '--no-deps',
        '--no-index',
        built[1],
        cwd=folder,
    )
    (site,) = folder.glob('lib/python*/site-packages')
    (site / 'libraries.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
    return folder / 'bin'


def test_it_trains_from_an_empty_folder(installed, digits_folder, tmp_path):
    """A config of the user's own, on one of ours, with the hook added by the command."""
    where = run(installed / 'python', '-c', 'import mmdet_multimix as m; print(m.__file__)', cwd=tmp_path)
    assert where.startswith(str(installed.parent))
    (tmp_path / 'mine.py').write_text(
        "_base_ = __import__('mmdet_multimix').config('detection/faster_rcnn_tiny_digits.py')\n"
    )
    options = [f'{name}_dataloader.dataset.data_root={digits_folder}/' for name in ('train', 'val', 'test')]
    options += [f'{name}_evaluator.ann_file={digits_folder}/annotations/val.json' for name in ('val', 'test')]
    options += ['train_dataloader.batch_size=2', 'train_cfg.max_iters=2', 'train_cfg.val_interval=3']
    command = ('mine.py', '--work-dir', 'run', '--multimix', 'n=20', 'ess=3', '--cfg-options', *options)
    said = run(installed / 'multimix-train', *command, cwd=tmp_path)
    assert 'MultiMix in roi_head.bbox_head' in said and (tmp_path / 'run' / 'iter_2.pth').is_file()
    said = run(installed / 'multimix-publish-backbone', 'run/iter_2.pth', 'backbone.pth', cwd=tmp_path)
    assert 'tensors' in said
    # By the name of a config alone, and without the folder of the commands on the PATH.
    command = ('detection/faster_rcnn_tiny_digits', 'run/iter_2.pth', '--cfg-options', *options)
    said = run(installed / 'python', '-m', 'mmdet_multimix', 'test', *command, cwd=tmp_path)
    assert 'bbox_mAP' in said
    mim = next(installed.parent.glob('lib/python*/site-packages/mmdet_multimix/.mim'))
    assert 'usage: train.py' in run(installed / 'python', mim / 'tools' / 'train.py', '--help', cwd=tmp_path)


@pytest.fixture(scope='module')
def digits_folder(tmp_path_factory):
    from mmdet_multimix.datasets.digits_detection import write_digits_detection

    root = tmp_path_factory.mktemp('digits')
    write_digits_detection(root, num_train=8, num_val=4)
    return root


def test_a_config_that_is_not_there_names_those_like_it():
    import mmdet_multimix

    assert mmdet_multimix.config('configs/faster_rcnn_r50_multimix.py') == mmdet_multimix.config(
        'faster_rcnn_r50_multimix'
    )
    with pytest.raises(
        FileNotFoundError,
        match=r"no config 'faster_rcnn_r50_multmix.py'.* did you mean .*faster_rcnn_r50_multimix\.py",
    ):
        mmdet_multimix.config('faster_rcnn_r50_multmix.py')
