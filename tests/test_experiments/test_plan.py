"""Plans: what makes a cell be done again, and what is refused."""

import errno
import json
import re
from dataclasses import replace

import pytest
from cli import ROOT
from mmengine.config import Config
from torch.optim import SGD, Adam

from experiments.cell import prepare_folder
from experiments.estimate import checkpoint_bytes, estimate, why
from experiments.plan import Cell, DamagedFileError, Plan, read_json, write_json
from mmdet_multimix.utils.one_line import one_line


def cells(**changes):
    """A backbone, a detector that needs it, and one that does not."""
    backbone = Cell('pretrain/a', 'pretrain', 'a', 'a.py', 'hash', {'seed': '0'})
    return [
        replace(backbone, **changes),
        Cell('seed0/b', 'detect', 'b', 'b.py', 'hash', needs=('pretrain/a',), settings={'metric': 'mAP'}),
        Cell('seed0/c', 'detect', 'c', 'c.py', 'hash', settings={'metric': 'mAP'}),
    ]


def plan_of(root, found):
    return Plan.of(root, root, found)


def keys(found):
    return {name: cell.key for name, cell in plan_of(None, found).cells.items()}


@pytest.mark.parametrize(
    'changes',
    [{'config_hash': 'other'}, {'options': {'seed': '1'}}, {'inputs': ('x',)}, {'settings': {'metric': 'x'}}],
)
def test_what_changes_a_cell_changes_those_that_need_it_and_no_other(changes):
    before, after = keys(cells()), keys(cells(**changes))
    assert {name for name in before if before[name] != after[name]} == {'pretrain/a', 'seed0/b'}


def test_names_and_cores_change_nothing():
    assert keys(cells()) == keys(cells(title='other', cpus=7, length=('step', 3)))


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = replace(plan_of(tmp_path, cells(length=('epoch', 2))), gpus=2)
    plan.write(python='python', code='.')
    again = Plan.read(plan.file)
    assert json.loads(plan.file.read_text())['python'] == 'python'
    # JSON has no tuples.
    assert json.dumps([vars(c) for c in again.cells.values()]) == json.dumps(
        [vars(c) for c in plan.cells.values()]
    )
    assert (again.root, again.gpus, again.cwd) == (plan.root, 2, plan.cwd)


def test_results_of_another_config_and_failures_of_it_do_not_count(tmp_path):
    plan, other = plan_of(tmp_path, cells()), plan_of(tmp_path, cells(config_hash='other'))
    write_json(plan.result_file('pretrain/a'), {'top1': 9})
    write_json(plan.failure_file('seed0/c'), {'message': 'exit 1'})
    assert plan.results() == {'pretrain/a': {'top1': 9}} and other.results() == {}
    assert plan.failures() == {'seed0/c': 'exit 1'}
    write_json(other.failure_file('pretrain/a'), {'message': 'no memory'})
    failures = {'pretrain/a': 'no memory', 'seed0/b': 'needs pretrain/a, which failed', 'seed0/c': 'exit 1'}
    assert other.failures() == failures and plan.failures() == {'seed0/c': 'exit 1'}
    needs = {'seed0/b': 'needs pretrain/a, which failed'}
    killed = plan_of(tmp_path / 'x', cells()).failures({'pretrain/a': 'killed'})
    assert killed == {'pretrain/a': 'killed', **needs}


def test_the_dry_run_gives_reasons(tmp_path):
    plan, other = plan_of(tmp_path, cells()), plan_of(tmp_path, cells(config_hash='other'))
    assert '3 of 3 cells would run:' in why(plan) and 'seed0/b: not begun, after pretrain/a' in why(plan)
    for name in ('seed0/b', 'pretrain/a'):
        write_json(plan.result_file(name), {})
    (tmp_path / 'seed0/c').mkdir()
    (tmp_path / 'seed0/c/last_checkpoint').write_text('/somewhere/epoch_3.pth')
    assert why(plan).splitlines()[-2:] == [
        '  seed0/b: pretrain/a was made anew',
        '  seed0/c: goes on at epoch_3.pth',
    ]
    write_json(plan.failure_file('seed0/c'), {'message': 'exit 1'})
    assert 'seed0/c: failed when it was last tried' in why(plan)
    assert 'pretrain/a: its config, options, measures or data have changed' in why(other)
    write_json(plan.result_file('seed0/b'), {})
    write_json(plan.result_file('seed0/c'), {})
    assert '0 of 3 cells would run:' in why(plan)


@pytest.mark.parametrize('name', ['../x', 'a/../../x', '/x', 'a//x', 'a b', 'a/{x}', 'a/', '.'])
def test_no_cell_leaves_the_work_dir(name):
    with pytest.raises(ValueError, match='cannot be a folder below the work dir'):
        Cell(name, 'detect', 'title')


def test_cells_that_do_not_fit_together_are_refused():
    a, b, _ = cells()
    with pytest.raises(ValueError, match="two cells are named 'pretrain/a'"):
        plan_of(None, [a, a])
    with pytest.raises(ValueError, match="'seed0/b' needs 'pretrain/a', which does not come before it"):
        plan_of(None, [b, a])


HOOKS = [
    ("default_hooks = dict(_delete_=True, checkpoint=dict(type='CheckpointHook'))", 1),  # the last alone
    ("default_hooks = dict(_delete_=True, timer=dict(type='IterTimerHook'))", 400),  # a Runner's own
    ('default_hooks = dict(checkpoint=None)', 0),
    ("default_hooks = dict(checkpoint=dict(_delete_=True, type='CheckpointHook', interval=100))", 4),
    (
        "default_hooks = dict(checkpoint=dict(_delete_=True, type='CheckpointHook', interval=1, max_keep_ckpts=3))",
        3,
    ),
]


@pytest.mark.parametrize(('text', 'files'), HOOKS)
def test_the_checkpoints_of_any_config_are_counted(tmp_path, text, files):
    sizes = {}
    for name, hooks in (('mine', text), ('one', HOOKS[0][0])):
        base = ROOT / 'configs/sweeps/faster_rcnn_digits.py'
        length = 'train_cfg = dict(max_iters=400)\n'
        path = tmp_path / f'{name}.py'
        path.write_text(f'_base_ = {str(base)!r}\n{length}{hooks}\n')
        cell = Cell(name, 'detect', name, str(path), length=('step', 400))
        (part,) = estimate(plan_of(tmp_path, [cell])).values()
        sizes[name] = part.size
    assert sizes['mine'] == files * sizes['one']


def test_an_optimizer_that_is_named_by_its_class_is_counted_alike(tmp_path):
    sizes = []
    for kind in ('SGD', SGD, 'Adam', Adam):
        cfg = Config.fromfile(ROOT / 'configs/sweeps/faster_rcnn_digits.py')
        cfg.optim_wrapper.optimizer.type = kind
        sizes.append(checkpoint_bytes(cfg))
    assert sizes[0] == sizes[1] < sizes[2] == sizes[3]


@pytest.mark.parametrize('text', ['', '{"top', '\0\0'], ids=['empty', 'half', 'zeros'])
def test_a_damaged_file_is_named_with_what_to_do(tmp_path, text):
    """As a power cut, a full disk or a copy that was broken off leave them."""
    plan = plan_of(tmp_path, cells(data={'learnt': '1'}))
    plan.remember_data()
    failed = plan.failure_file('seed0/c')
    for path, read in (
        (plan.result_file('seed0/b'), plan.results),
        (failed, plan.failures),
        (tmp_path / 'seed0/c/run.json', lambda: prepare_folder(tmp_path / 'seed0/c', 'a')),
        (tmp_path / 'pretrain/a.data.json', lambda: plan_of(tmp_path, cells(data={'learnt': '1'}))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        with pytest.raises(
            DamagedFileError, match=f'{re.escape(str(path))} is damaged .*: delete it and start'
        ):
            read()
        with pytest.raises(SystemExit, match=re.escape(f'{path} is damaged')), one_line():
            read()
        path.unlink()
        read()


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    path, synced = tmp_path / 'result.json', []
    monkeypatch.setattr('os.fsync', lambda descriptor: synced.append(path.exists()))
    write_json(path, {'top1': 9})
    assert synced == [False] and read_json(path) == {'top1': 9}

    def full(descriptor):
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr('os.fsync', full)
    with pytest.raises(OSError, match='No space left'):
        write_json(path, {'top1': 8})
    assert read_json(path) == {'top1': 9} and list(tmp_path.iterdir()) == [path]
