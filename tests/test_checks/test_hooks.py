"""Hooks that do not take what they are given, and those of a base that a config has replaced."""

import functools

import pytest
from checking import ROOT
from mmengine.config import Config
from mmengine.hooks import Hook

from mmdet_multimix.checks import PreflightError, check_config
from mmdet_multimix.engine import MultiMixHook

OURS = "dict(type='MultiMixHook', n=10)"


def said(tmp_path, capsys, text, name='mine.py', **options):
    (tmp_path / name).write_text(text)
    cfg = Config.fromfile(tmp_path / name, import_custom_modules=False)
    cfg.merge_from_dict(options)
    check_config(Config(dict(custom_hooks=cfg.custom_hooks), filename=cfg.filename))
    return [line for line in capsys.readouterr().err.splitlines() if 'custom_hooks' in line]


@pytest.mark.parametrize(
    ('base', 'lost'),
    [
        ('rtmdet/rtmdet_tiny_8xb32-300e_coco.py', ('EMAHook', 'PipelineSwitchHook')),
        ('yolox/yolox_tiny_8xb8-300e_coco.py', ('YOLOXModeSwitchHook', 'SyncNormHook', 'EMAHook')),
        ('ssd/ssd300_coco.py', ('NumClassCheckHook', 'CheckInvalidLossHook')),
    ],
)
def test_hooks_of_the_zoo_are_kept_or_named(tmp_path, capsys, base, lost):
    head = f"_base_ = 'mmdet::{base}'\n"
    (line,) = said(tmp_path, capsys, f'{head}custom_hooks = [{OURS}]\n')
    assert all(f'{name} (' in line for name in lost) and '*_base_.custom_hooks' in line
    kept = f"{head}custom_hooks = [*_base_.get('custom_hooks', []), {OURS}]\n"
    assert not said(tmp_path, capsys, kept)
    cfg = Config.fromfile(tmp_path / 'mine.py')
    assert [hook.type for hook in cfg.custom_hooks] == [*lost, 'MultiMixHook']
    assert not said(tmp_path, capsys, f'{head}custom_hooks = []\n')


def test_all_files_on_the_way_are_looked_at(tmp_path, capsys):
    (tmp_path / 'root.py').write_text("custom_hooks = [dict(type='EMAHook'), dict(type='SyncNormHook')]\n")
    (tmp_path / 'other.py').write_text('base_batch_size = 2\n')
    (tmp_path / 'middle.py').write_text(
        f"_base_ = ['other.py', 'root.py']\ncustom_hooks = [{OURS}, dict(type='SyncNormHook')]\n"
    )
    (line,) = said(tmp_path, capsys, "_base_ = './middle.py'\n")
    assert 'do not run: EMAHook (root.py). To' in line
    assert not said(tmp_path, capsys, "_base_ = './root.py'\n")
    # The command line replaces a list, too.
    (line,) = said(tmp_path, capsys, "_base_ = './root.py'\n", custom_hooks=[dict(type='EMAHook')])
    assert 'do not run: SyncNormHook (root.py). To' in line


def test_a_config_without_a_base_or_a_file_has_nothing_to_lose(tmp_path, capsys):
    assert not said(tmp_path, capsys, f'custom_hooks = [{OURS}]\n')
    (tmp_path / 'root.yaml').write_text('custom_hooks:\n- type: EMAHook\n')
    (line,) = said(tmp_path, capsys, f"_base_ = './root.yaml'\ncustom_hooks = [{OURS}]\n")
    assert 'EMAHook (root.yaml)' in line
    check_config(Config(dict(custom_hooks=[dict(type='EMAHook')])))
    assert not capsys.readouterr().err


OWN = [path for path in sorted((ROOT / 'configs').rglob('*.py')) if 'custom_hooks =' in path.read_text()]


@pytest.mark.parametrize('path', OWN, ids=lambda path: path.stem)
def test_no_config_of_the_project_loses_a_hook(path, capsys):
    cfg = Config.fromfile(path, import_custom_modules=False)
    check_config(Config(dict(custom_hooks=cfg.custom_hooks), filename=cfg.filename))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ('hooks', 'line'),
    [
        (
            dict(custom_hooks=[dict(type='CheckInvalidLossHook'), dict(type='IterSeedHook', ess=3)]),
            "custom_hooks.1: IterSeedHook takes no 'ess'; it takes nothing",
        ),
        (
            dict(custom_hooks=[dict(type='CheckInvalidLossHook', loss_weight=0.5, priority=50)]),
            "custom_hooks.0: CheckInvalidLossHook takes no 'loss_weight'; it takes interval",
        ),
        (
            dict(default_hooks=dict(logger=None, timer=dict(type='IterTimerHook', interval=5))),
            "default_hooks.timer: IterTimerHook takes no 'interval'; it takes nothing",
        ),
    ],
)
def test_a_key_that_a_hook_does_not_take_is_named(hooks, line):
    with pytest.raises(PreflightError) as refused:
        check_config(Config(hooks))
    assert line in str(refused.value)


def renaming(init):
    """Takes arguments by their old names, as mmengine's ``deprecated_api_warning`` does."""

    @functools.wraps(init)
    def wrapper(self, *args, **kwargs):
        init(self, *args, interval=kwargs['every'])

    return wrapper


def test_hooks_that_mmengine_makes_are_not_refused():
    class Anything(Hook):
        def __init__(self, **options):
            pass

    class Renamed(Hook):
        @renaming
        def __init__(self, interval=1):
            pass

    hooks = [
        dict(type=Renamed, every=1),
        dict(type='EMAHook', ema_type='ExpMomentumEMA', priority=49, anything=1),  # which it passes on
        dict(type=Anything, any=1),
        dict(type='SomebodysHook', any=1),  # not registered yet
        dict(type='CheckpointHook', _scope_='mmengine', interval=1, priority='LOW'),
        MultiMixHook(),
    ]
    check_config(Config(dict(custom_hooks=hooks)))


def test_what_a_runner_of_ones_own_takes_is_not_known():
    hooks = dict(default_hooks=dict(logger=dict(type='LoggerHook', any=1)))
    check_config(Config(dict(hooks, runner_type='OwnRunner')))
    with pytest.raises(PreflightError, match="LoggerHook takes no 'any'"):
        check_config(Config(dict(hooks, runner_type='Runner')))
