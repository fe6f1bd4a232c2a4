"""Every way by which a checkpoint comes into a process that the tools have started."""

import json
import os
import subprocess
import sys
import zipfile
from pickle import UnpicklingError

import pytest
import torch
from cli import environment
from hostile import KINDS, write_hostile
from mmdet.registry import MODELS
from mmengine.config import Config, ConfigDict
from mmengine.model import BaseModule
from mmengine.optim import OneCycleLR
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader, load_checkpoint
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmdet_multimix.checkpoints import UnsafeCheckpointError, load_weights_only, read_checkpoint
from mmdet_multimix.checkpoints.allowed import known_method
from mmdet_multimix.checkpoints.safe_loading import without_code

PICKLES = ('reduce', 'getattr')


@pytest.fixture
def place(guard, tmp_path, monkeypatch):
    """Puts hostile files where the loaders look for them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    monkeypatch.setenv('MMENGINE_HOME', str(tmp_path / 'mmengine'))
    for folder in ('torch/hub/checkpoints', 'mmengine', 'x:'):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / 'mmengine/open_mmlab.json').write_text(json.dumps({'evil': 'evil.pth'}))

    def write(where, kind):
        write_hostile(tmp_path / where, kind, tmp_path / 'marker')

    return write


def by_swin(path):
    MODELS.build(
        dict(
            type='SwinTransformer', depths=(1,), num_heads=(1,), strides=(4,), out_indices=(0,), embed_dims=8
        )
        | dict(init_cfg=ConfigDict(type='Pretrained', checkpoint=path))
    ).init_weights()


def by_init_cfg(path):
    class Module(BaseModule):
        a = None

    Module(init_cfg=dict(type='Pretrained', checkpoint=path)).init_weights()


def by_name(path):
    CheckpointLoader.load_checkpoint(path)


def by_prefix(path):
    mmengine_checkpoint._load_checkpoint_with_prefix('backbone', path)


WAYS = {
    'load_checkpoint': ('e.pth', 'e.pth', lambda path: load_checkpoint(torch.nn.Linear(1, 1), path)),
    'init_cfg': ('e.pth', 'e.pth', by_init_cfg),
    'init_cfg with a prefix': ('e.pth', 'e.pth', by_prefix),
    'a backbone with a loader of its own': ('e.pth', 'e.pth', by_swin),
    'like an address': ('x:/e.pth', 'x://e.pth', by_name),
    'an address': ('torch/hub/checkpoints/e.pth', 'http://127.0.0.1/e.pth', by_name),
    'the zoo': ('mmengine/evil.pth', 'open-mmlab://evil', by_name),
    'torch itself': ('e.pth', 'e.pth', lambda path: torch.load(path, weights_only=False)),
}


@pytest.mark.parametrize('kind', PICKLES)
@pytest.mark.parametrize('way', WAYS)
def test_a_pickle_runs_nothing_whoever_loads_it(way, kind, place, tmp_path):
    where, name, load = WAYS[way]
    place(where, kind)
    expected = UnsafeCheckpointError if way != 'torch itself' else Exception
    with pytest.raises(expected) as error:
        load(name)
    assert not (tmp_path / 'marker').exists()
    if way != 'torch itself':
        assert name.replace('//', '/') in str(error.value).replace('//', '/')
        assert 'loaded unsafely' in str(error.value)


CARELESS = {
    'reduce': 'torch.load(path, weights_only=False)',
    'getattr': (
        'if hasattr(torch.serialization, "safe_globals"):\n'
        '    with torch.serialization.safe_globals([getattr]): torch.load(path, weights_only=True)\n'
        'else: torch.load(path)'  # of an older torch, careless by default
    ),
    'config': "from mmengine import Config; Config.fromstring(torch.load(path)['meta']['config'], '.py')",
}


@pytest.mark.parametrize('kind', KINDS)
def test_the_files_do_run_code_without_the_guard(kind, tmp_path):
    """Otherwise the tests here would show nothing."""
    write_hostile(tmp_path / 'e.pth', kind, tmp_path / 'marker')
    code = f'import sys, torch; path = sys.argv[1]\n{CARELESS[kind]}'
    subprocess.run([sys.executable, '-c', code, tmp_path / 'e.pth'], env=environment(), capture_output=True)
    assert (tmp_path / 'marker').exists()


@pytest.mark.parametrize(
    'text', ['x = 1', 'gpu_ids = [0, 1]', 'gpu_ids = range(0, 4)', 'a = 1\ngpu_ids = []\n']
)
def test_of_a_config_in_a_checkpoint_the_gpus_are_kept(text):
    meta = without_code({'meta': {'config': text, 'epoch': 1}})['meta']
    expected = Config.fromstring(text, '.py').get('gpu_ids')
    kept = Config.fromstring(meta['config'], '.py').gpu_ids if 'config' in meta else None
    assert kept == expected and meta['epoch'] == 1


@pytest.mark.parametrize(
    'text',
    [
        'gpu_ids = [print(1)]',
        'gpu_ids = [0, __import__("os").getpid()]',
        'gpu_ids = [0]; print(1)',
        'gpu_ids = range(0, f(4))',
        'gpu_ids = [0] if print() else []',
        b'gpu_ids = [0]',
        None,
        7,
    ],
)
def test_no_code_is_kept_of_a_config(text):
    assert without_code({'meta': {'config': text}}) == {'meta': {}}


def test_what_is_no_checkpoint_passes(tmp_path):
    for thing in (3, {'meta': 3}, {}, {'meta': {}}):
        assert without_code(thing) == thing


def test_a_damaged_file_is_named(guard, tmp_path):
    (tmp_path / 'half.pth').write_bytes(b'PK\x03\x04 nothing')
    with pytest.raises(UnsafeCheckpointError, match=r'half\.pth.*cannot be read'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'half.pth'))


@pytest.mark.smoke
def test_checkpoints_of_both_versions_of_numpy_are_read(guard, tmp_path):
    """The log history of a run, as the zoo's files have it, which were written with NumPy 1."""
    import numpy as np
    from mmengine.logging import HistoryBuffer

    history = {'loss': HistoryBuffer([1.0, 2.0], [1, 1]), 'best': np.float64(3), 'n': np.uint8(4)}
    torch.save({'state_dict': {}, 'message_hub': history}, tmp_path / 'saved.pth', pickle_protocol=2)
    for name, home in (('old.pth', b'numpy.core'), ('new.pth', b'numpy._core')):
        other = b'numpy._core' if home == b'numpy.core' else b'numpy.core'
        rewrite(tmp_path / 'saved.pth', tmp_path / name, other, home)
        assert home in (tmp_path / name).read_bytes()
        read = CheckpointLoader.load_checkpoint(str(tmp_path / name))['message_hub']
        assert read['loss'].mean() == 1.5 and read['best'] == 3 and read['n'] == 4


def rewrite(source, target, old, new):
    """Renames the modules in a torch file, whose pickle is one entry of a zip archive."""
    import zipfile

    with zipfile.ZipFile(source) as read, zipfile.ZipFile(target, 'w') as write:
        for entry in read.namelist():
            write.writestr(entry, read.read(entry).replace(old, new))


def test_children_and_their_workers_load_safely_too(guard, tmp_path):
    write_hostile(tmp_path / 'e.pth', 'reduce', tmp_path / 'marker')
    child = f'import torch; torch.load({str(tmp_path / "e.pth")!r}, weights_only=False)'
    # With the environment of this process, where the guard is.
    done = subprocess.run([sys.executable, '-c', child], capture_output=True, text=True)
    assert 'Unsupported' in done.stderr and not (tmp_path / 'marker').exists()


def test_the_opposite_switch_of_torch_is_ignored(guard, tmp_path, monkeypatch):
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    load_weights_only()
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD' not in os.environ
    write_hostile(tmp_path / 'e.pth', 'reduce', tmp_path / 'marker')
    with pytest.raises(UnsafeCheckpointError):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'e.pth'))
    assert not (tmp_path / 'marker').exists()


def test_importing_the_package_changes_no_load_of_somebody_else():
    code = (
        'import os, torch, mmengine.runner.checkpoint as m; before = vars(m).copy(), m.CheckpointLoader.__dict__.copy()\n'
        'load, env = torch.load, dict(os.environ)\n'
        'import mmdet_multimix\n'
        'assert torch.load is load and not [k for k in os.environ if "WEIGHTS_ONLY" in k]\n'
        'assert before == (vars(m), m.CheckpointLoader.__dict__)\n'
    )
    subprocess.run([sys.executable, '-c', code], env=environment(), check=True)


@pytest.mark.parametrize('strategy', ['cos', 'linear'])
def test_a_run_with_a_one_cycle_schedule_is_resumed(guard, strategy, tmp_path):
    """Its state names a function of its class."""
    parameter = torch.nn.Parameter(torch.ones(1))

    def schedule():
        optimizer = torch.optim.SGD([parameter], 0.1)
        return OneCycleLR(optimizer, eta_max=0.1, total_steps=9, anneal_strategy=strategy)

    saved = schedule()
    saved.step()
    torch.save({'state_dict': {}, 'param_schedulers': [saved.state_dict()]}, tmp_path / 'epoch_1.pth')
    for read in (CheckpointLoader.load_checkpoint, read_checkpoint):
        (state,) = read(str(tmp_path / 'epoch_1.pth'))['param_schedulers']
        resumed = schedule()
        resumed.load_state_dict(state)
        assert resumed.anneal_func is saved.anneal_func and resumed.last_step == saved.last_step


@pytest.mark.parametrize('name', ['__init__', 'load_state_dict', '__subclasses__'])
def test_nothing_else_of_a_schedule_can_be_asked_for(name):
    with pytest.raises(UnpicklingError, match='a checkpoint may not ask for'):
        known_method(OneCycleParamScheduler, name)


@pytest.mark.parametrize('code', ['newobj', 'reduce'])
def test_a_schedule_can_be_named_and_not_made(code, tmp_path):
    module = 'mmengine.optim.scheduler.param_scheduler'
    name = f'c{module}\nOneCycleParamScheduler\n'.encode()
    body = b'\x80\x02' + name + b')' + {'newobj': b'\x81', 'reduce': b'R'}[code] + b'.'
    torch.save({'state_dict': {}}, tmp_path / 'a.pth')
    with zipfile.ZipFile(tmp_path / 'a.pth') as read, zipfile.ZipFile(tmp_path / 'b.pth', 'w') as write:
        for entry in read.namelist():
            write.writestr(entry, body if entry.endswith('data.pkl') else read.read(entry))
    with pytest.raises(ValueError, match=r'b\.pth'):
        read_checkpoint(tmp_path / 'b.pth')
