"""Keys that no run reads, in a config and on the command line."""

import pytest
from checking import ROOT
from mmengine.config import Config

from mmdet_multimix.checks import check_config
from mmdet_multimix.checks.config_file import read_config
from mmdet_multimix.checks.hooks import check_lost_hooks
from mmdet_multimix.checks.remark import Remark
from mmdet_multimix.checks.unread import check_unread, unread_overrides
from mmdet_multimix.commands.running import load_config

CE = ROOT / 'configs/pretrain/resnet_tiny_digits_ce.py'


def said(tmp_path, text):
    (tmp_path / 'mine.py').write_text(text)
    return list(check_unread(Config.fromfile(tmp_path / 'mine.py', import_custom_modules=False)))


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('load_form', 'load_from'),
        ('train_dataloder', 'train_dataloader'),
        ('custom_hook', 'custom_hooks'),
        ('optimizer', 'optim_wrapper.optimizer'),
        ('resume_from', 'load_from and resume=True'),
    ],
)
def test_a_misspelt_or_old_key_at_the_top_is_said(tmp_path, name, meant):
    (line,) = said(tmp_path, f"_base_ = '{CE}'\n{name} = dict(a=1)\n")
    assert (
        isinstance(line, Remark)
        and line.startswith(f'{name}: no run')
        and line.endswith(f'Did you mean {meant}?')
    )


@pytest.mark.parametrize(
    'text',
    [
        'optimizer = dict(lr=0.1)\noptim_wrapper = dict(optimizer=optimizer)\n',  # a variable
        "_base_ = './root.py'\noptim_wrapper = dict(optimizer=_base_.optimizer)\n",
        'val_evaluator_full = dict()\ntrain_pipeline = []\ntest_pipeline = []\nmax_epochs = 3\n',
        'tta_model = dict()\nfind_unused_parameters = True\n',
        "runner_type = 'Mine'\ntrain_loop_cfg = dict()\nmodels = dict()\n",  # which reads what it likes
    ],
)
def test_variables_of_a_config_may_have_any_name(tmp_path, text):
    (tmp_path / 'root.py').write_text('optimizer = dict(lr=0.1)\n')
    assert not said(tmp_path, text)


@pytest.mark.parametrize(
    ('override', 'hint'),
    [
        ('load_form', '. Did you mean load_from?'),
        ('randomnes.seed', '. Did you mean randomness?'),
        ('optimizer.lr', '. Did you mean optim_wrapper.optimizer?'),
        ('head.num_classes', '. Did you mean model.head?'),
        ('train_pipeline.0.scale', ''),
    ],
)
def test_an_override_that_changes_nothing_is_said(capsys, override, hint):
    load_config(str(CE), {override: 1}, None)
    (line,) = capsys.readouterr().err.splitlines()
    name = override.split('.')[0]
    assert line == f'warning: the override {override} changes nothing: no run reads {name!r}{hint}'


@pytest.mark.parametrize('override', ['load_form', 'train_dataloder.batch_size', 'optimizer.lr'])
@pytest.mark.parametrize('ending', ['py', 'yaml', 'json'])
def test_an_override_is_said_once_before_a_training(tmp_path, capsys, override, ending):
    """By the command, and not again by the check of the config that has it by then."""
    text = {'py': 'resume_from = 1\n', 'yaml': 'resume_from: 1\n', 'json': '{"resume_from": 1}'}[ending]
    (tmp_path / f'mine.{ending}').write_text(text)
    check_config(load_config(str(tmp_path / f'mine.{ending}'), {override: 1}, str(tmp_path)))
    said = [line.removeprefix('warning: ') for line in capsys.readouterr().err.splitlines()]
    assert [line.split()[2 if line.startswith('the') else 0] for line in said] == [override, 'resume_from:']


def test_overrides_of_what_the_config_leaves_out_are_read():
    keys = (
        'resume',
        'load_from',
        'auto_scale_lr.enable',
        'model.head.num_classes',
        'tta_model.type',
        'compile',
    )
    cfg = read_config(CE)
    assert not list(unread_overrides(cfg, keys))
    cfg.runner_type = 'Mine'
    assert not list(unread_overrides(cfg, ['anything']))


def test_configs_without_a_file_are_left_alone(tmp_path):
    text = "optimizer = dict(lr=0.1)\ncustom_hooks = [dict(type='EMAHook')]\n"
    path = tmp_path / 'gone.py'
    path.write_text(text)
    gone = Config.fromfile(str(path))
    assert [remark.split(':')[0] for remark in check_unread(gone)] == ['optimizer']
    path.unlink()
    for cfg in (gone, Config.fromstring(text, '.py'), Config(dict(optimizer=dict(lr=0.1)))):
        assert not list(check_unread(cfg)) and not list(check_lost_hooks(cfg))
