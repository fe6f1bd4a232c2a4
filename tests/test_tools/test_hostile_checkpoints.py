"""Hostile and unfit checkpoints given to the command line: nothing in them runs, and one line says why."""

import os

import pytest
import torch
from forked import forked
from hostile import write_hostile
from wrong_calls import CE as DIGITS
from wrong_calls import FEW

from mmdet_multimix.checkpoints import publish_backbone, read_checkpoint


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp('trained')
    code, said = forked('train.py', DIGITS, '--work-dir', root, options=FEW, log=root / 'said')
    assert code == 0, said[-5000:]
    return root / 'epoch_1.pth'


@pytest.fixture
def call(tmp_path):
    """Runs a tool on a config in a work dir; returns what it said."""

    def run(tool, *arguments, fails, config=DIGITS, more=None, env=None):
        work_dir = () if tool in ('evaluate.py', 'publish_backbone.py') else ('--work-dir', tmp_path)
        options = {**FEW, **(more or {})}
        if tool == 'publish_backbone.py':
            options = None
        else:
            arguments = (config, *arguments)
        code, said = forked(tool, *arguments, *work_dir, options=options, env=env, log=tmp_path / 'said')
        assert code == (1 if fails else 0), said[-5000:]
        assert not fails or 'Traceback' not in said, said[-5000:]
        assert not (tmp_path / 'marker').exists()
        return said

    return run


def hostile(tmp_path, kind, trained, name='evil.pth'):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_hostile(path, kind, tmp_path / 'marker', read_checkpoint(trained))
    return path


FLEXIBLE = {'runner_type': 'FlexibleRunner', 'train_cfg.max_epochs': 2}


@pytest.mark.parametrize('way', ['file', 'latest', 'config', 'flexible', 'flexible, config'])
@pytest.mark.parametrize('kind', ['reduce', 'getattr', 'config'])
def test_resuming_runs_no_code(way, kind, trained, tmp_path, call):
    evil = hostile(tmp_path, kind, trained, 'epoch_1.pth')
    more = dict(FLEXIBLE if 'flexible' in way else {'train_cfg.max_epochs': 2})
    arguments = ('--resume', evil)
    if way == 'latest':
        (tmp_path / 'last_checkpoint').write_text(str(evil))
        arguments = ('--resume',)
    elif 'config' in way:
        arguments, more = (), {**more, 'resume': True, 'load_from': evil}
    refused = kind != 'config' and way != 'latest'
    said = call('train.py', *arguments, fails=refused, more=more)
    if kind == 'config':
        assert 'resumed epoch: 1' in said
    elif way == 'latest':
        assert 'passed over' in said and 'starting from the beginning' in said
    if kind != 'config':
        assert f"checkpoint '{evil}'" in said and 'not loaded unsafely' in said


@pytest.mark.parametrize('kind', ['reduce', 'getattr'])
@pytest.mark.parametrize('way', ['load_from', 'like an address', 'init_cfg', 'flexible'])
def test_initial_weights_run_no_code(way, kind, trained, tmp_path, call):
    evil = hostile(tmp_path, kind, trained)
    more = {'load_from': evil}
    if way == 'like an address':
        hostile(tmp_path, kind, trained, 'x:/evil.pth')
        more = {'load_from': f'{tmp_path}/x://evil.pth'}
    elif way == 'init_cfg':
        more = {'model.backbone.init_cfg.type': 'Pretrained', 'model.backbone.init_cfg.checkpoint': evil}
    elif way == 'flexible':
        more |= FLEXIBLE
    said = call('train.py', fails=True, more=more)
    assert 'evil.pth' in said and 'not loaded unsafely' in said


@pytest.mark.parametrize('kind', ['reduce', 'getattr', 'config'])
def test_testing_evaluating_and_publishing_run_no_code(kind, trained, tmp_path, call):
    evil = hostile(tmp_path, kind, trained)
    for tool, arguments in (
        ('test.py', (evil,)),
        ('evaluate.py', (evil, '--out', tmp_path / 'report', '--measures', 'accuracy')),
        ('publish_backbone.py', (evil, tmp_path / 'out.pth')),
    ):
        said = call(
            tool, *arguments, fails=kind != 'config', more={'resume': True} if tool == 'test.py' else None
        )
        assert kind == 'config' or 'not loaded unsafely' in said


def test_the_switch_that_turns_safe_loading_off_is_ignored(trained, tmp_path, call):
    evil = hostile(tmp_path, 'reduce', trained)
    env = {'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD': '1'}
    said = call('train.py', fails=True, more={'load_from': evil}, env=env)
    assert 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD is ignored' in said


def unfit(trained, path, *dropped):
    checkpoint = read_checkpoint(trained)
    for key in dropped:
        outer, _, inner = key.partition('.')
        if inner:
            del checkpoint[outer][inner]
        else:
            del checkpoint[outer]
    torch.save(checkpoint, path)
    return path


def test_what_a_run_cannot_go_on_from_is_said_in_one_line(trained, tmp_path, call):
    published = tmp_path / 'published.pth'
    publish_backbone(trained, published)
    (best,) = trained.parent.glob('best_*.pth')
    for path, words in (
        (unfit(trained, tmp_path / 'a.pth', 'optimizer'), 'it has no optimizer.'),
        (unfit(trained, tmp_path / 'b.pth', 'param_schedulers'), 'it has no param_schedulers.'),
        (unfit(trained, tmp_path / 'c.pth', 'message_hub', 'optimizer'), 'no message_hub, optimizer.'),
        (unfit(trained, tmp_path / 'd.pth', 'meta'), 'no meta.epoch, meta.iter.'),
        (best, 'it has no optimizer, param_schedulers.'),
        (published, 'no meta.iter' if 'iter' not in read_checkpoint(published)['meta'] else 'no message_hub'),
        (tmp_path, 'is a folder'),
    ):
        said = call('train.py', '--resume', path, fails=True)
        assert words in said and str(path) in said
        assert not list(tmp_path.glob('epoch_*.pth'))


def test_a_run_that_saves_no_optimizer_goes_on_and_says_so(trained, tmp_path, call):
    path = unfit(trained, tmp_path / 'a.pth', 'optimizer')
    more = {'train_cfg.max_epochs': 2, 'default_hooks.checkpoint.save_optimizer': False}
    said = call('train.py', '--resume', path, fails=False, more=more)
    assert f'{path} has no optimizer (save_optimizer=False)' in said and (tmp_path / 'epoch_2.pth').exists()


@pytest.mark.parametrize('where', ['victim', 'nowhere'])
@pytest.mark.parametrize('link', ['out.pth.part', 'out.pth', '.out.pth.part'])
def test_publishing_follows_no_link(link, where, trained, tmp_path):
    (tmp_path / 'victim').write_text('mine')
    (tmp_path / link).symlink_to(tmp_path / where)
    with pytest.raises(ValueError, match='exists already') if link == 'out.pth' else open(os.devnull):
        publish_backbone(trained, tmp_path / 'out.pth')
    publish_backbone(trained, tmp_path / 'out.pth', force=True)
    assert (tmp_path / 'victim').read_text() == 'mine' and not (tmp_path / 'nowhere').exists()
    assert not (tmp_path / 'out.pth').is_symlink() and read_checkpoint(tmp_path / 'out.pth')['state_dict']
