"""Cells: their folders, locks and GPUs, and what they are told."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest
from cli import ROOT, environment
from mmengine.config import Config

from experiments.cell import fingerprint, prepare_folder
from experiments.choice import choose
from experiments.engine import EngineError, find_snakemake
from experiments.launch import batch_options, run_tool
from experiments.locks import is_locked, locked
from experiments.overrides import as_texts, as_values
from experiments.plan import Cell


def test_the_folder_of_another_training_is_set_aside(tmp_path, capsys):
    folder = tmp_path / 'run'
    for number, key in enumerate(('a', 'a', 'b', 'c')):
        prepare_folder(folder, key)
        (folder / f'{number}.pth').touch()
    names = {path.name: sorted(file.stem for file in path.glob('*.pth')) for path in tmp_path.iterdir()}
    assert names == {'run': ['3'], 'run.old1': ['0', '1'], 'run.old2': ['2']}
    assert f'what was in {folder} is kept in {folder}.old2' in capsys.readouterr().out


def test_a_training_is_another_one_when_an_input_file_is(tmp_path):
    backbone = tmp_path / 'backbone.pth'
    cell = Cell('a', 'detect', 'a', config_hash='x', inputs=(str(backbone),))
    found = []
    for content, options in ((b'1', {}), (b'2', {}), (b'2', {'seed': '1'}), (b'1', {})):
        backbone.write_bytes(content)
        found.append(fingerprint(cell, options))
    assert len(set(found)) == 3 and found[0] == found[3]
    assert fingerprint(replace(cell, settings={'metric': 'x'}), {}) == found[0]  # only tested anew


HOLDER = """
import subprocess, sys, time
from experiments.locks import locked

with locked(sys.argv[1]) as lock:
    child = subprocess.Popen(['sleep', '60'], pass_fds=(lock,))
    print(child.pid, flush=True)
    time.sleep(60)
"""


def python(code, *arguments, **more):
    command = [sys.executable, '-c', textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**environment(), **more}, stdout=subprocess.PIPE, text=True
    )


def test_a_lock_is_held_as_long_as_a_child_of_its_holder_lives(tmp_path):
    path = tmp_path / 'cell.lock'
    assert not is_locked(path)
    with python(HOLDER, path) as holder:
        child = int(holder.stdout.readline())
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert is_locked(path)
        os.kill(child, signal.SIGKILL)
    waited = []
    with locked(path, lambda: waited.append(True)):
        assert is_locked(path)
    assert not is_locked(path)


def test_a_group_that_shares_a_work_dir_shares_its_locks(tmp_path):
    before = os.umask(0o002)
    try:
        with locked(tmp_path / 'cell.lock'):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / 'cell.lock').stat().st_mode & 0o777 == 0o664


FORKING = """
import multiprocessing, os, signal
from experiments.cell import end_in_order

end_in_order()
context = multiprocessing.get_context('fork')
lock = context.Lock()
with lock:  # as a pool of processes that wait for work
    children = [context.Process(target=lock.acquire) for _ in range(4)]
    for child in children:
        child.start()
        child.terminate()
    for child in children:
        child.join(10)
codes = [child.exitcode for child in children]
for child in children:
    child.kill()
print(codes, flush=True)
try:
    os.kill(os.getpid(), signal.SIGTERM)
except KeyboardInterrupt:
    print('in order')
"""


def test_sigterm_ends_a_cell_in_order_and_what_it_forks_at_once():
    with python(FORKING) as cell:
        assert cell.stdout.read().splitlines() == [str([-signal.SIGTERM] * 4), 'in order']


GREEDY = """
import sys, time
from experiments.gpus import own_gpus

with own_gpus(int(sys.argv[1])) as locks:
    print(len(locks), flush=True)
    sys.stdin.read()
"""


def test_cells_share_the_gpus_of_a_machine(tmp_path):
    def start(count):
        return subprocess.Popen(
            [sys.executable, '-c', GREEDY, str(count)],
            cwd=ROOT,
            env={**environment(), 'MULTIMIX_GPUS': '3,GPU-a/b', 'TMPDIR': str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def first_line(process):
        return process.stdout.readline().strip()

    with start(1) as one, start(0) as none:
        assert first_line(one) == 'GPUs of this cell: 3' and first_line(none) == '0'
        with start(1) as other:
            assert first_line(other) == 'GPUs of this cell: GPU-a/b'
            with start(2) as both:
                one.kill()  # the kernel gives its GPU back
                one.wait()
                time.sleep(1)
                assert both.poll() is None
                other.stdin.close()
                assert first_line(both) == 'GPUs of this cell: 3,GPU-a/b'
                both.stdin.close()
        none.stdin.close()


def test_when_one_of_several_processes_fails_the_others_are_ended(tmp_path, monkeypatch):
    (tmp_path / 'tool.py').write_text(
        'import os, pathlib, sys, time\n'
        "rank = os.environ['RANK'], os.environ['LOCAL_RANK'], os.environ['WORLD_SIZE'], *sys.argv[1:]\n"
        f"pathlib.Path({str(tmp_path)!r}, os.environ['RANK']).write_text(' '.join(rank))\n"
        "time.sleep(60 * (rank[0] == '0'))\n"
        f"pathlib.Path({str(tmp_path)!r}, 'end' + rank[0]).touch()\n"
        'sys.exit(3)\n'
    )
    monkeypatch.setattr('experiments.launch.TOOLS', tmp_path)
    with pytest.raises(RuntimeError, match='one of 2 processes ended with exit code 3'):
        run_tool('tool.py', ['x'], processes=2)
    assert [path.name for path in tmp_path.glob('end*')] == ['end1']
    assert (tmp_path / '1').read_text() == '1 1 2 x --launcher pytorch'


def test_processes_side_by_side_run_the_code_of_the_cell(tmp_path, monkeypatch):
    """Though a package of that name is installed, or named by PYTHONPATH."""
    (tmp_path / 'older/mmdet_multimix').mkdir(parents=True)
    (tmp_path / 'older/mmdet_multimix/__init__.py').touch()
    (tmp_path / 'tool.py').write_text(
        'import importlib.util, os, pathlib\n'
        "found = importlib.util.find_spec('mmdet_multimix').origin\n"
        f"pathlib.Path({str(tmp_path)!r}, os.environ['RANK']).write_text(found)\n"
    )
    monkeypatch.setattr('experiments.launch.TOOLS', tmp_path)
    monkeypatch.setenv('PYTHONPATH', str(tmp_path / 'older'))
    run_tool('tool.py', [], processes=2)
    assert {(tmp_path / rank).read_text() for rank in '01'} == {str(ROOT / 'mmdet_multimix/__init__.py')}


def test_gpus_share_the_batch():
    cfg = Config(dict(train_dataloader=dict(batch_size=32)))
    assert batch_options(cfg, 8) == {'train_dataloader.batch_size': 4}
    assert batch_options(cfg, 1) == {}
    with pytest.raises(ValueError, match='batch_size is 32, which 3 GPUs cannot share evenly'):
        batch_options(cfg, 3)


def test_overrides_that_the_command_line_would_change_are_refused():
    kept = {
        'a': (0, 10),
        'names': ('x', 'y'),
        'b': [1, 2.5],
        'c': None,
        'd': 'text',
        'e': True,
        'f': 1e-5,
        'g': '(0.02,0.2)',
    }
    texts = as_texts('x', kept)
    assert as_values(texts) == {**kept, 'g': (0.02, 0.2)}  # a text may be that of a value
    for value in ({'type': 'A'}, 'two words', ['a,b'], 'None '):
        with pytest.raises(ValueError, match=r'x: the override key=.* does not survive --cfg-options'):
            as_texts('x', {'key': value})


@pytest.mark.parametrize(
    'trials, expected',
    [
        ({'a': [(10, 1)], 'b': [(9, 2)]}, 'b'),
        ({'a': [(10, 1.0)], 'b': [(10, 0.9)]}, 'b'),
        ({'a': [(10, 1)], 'b': [(10, 1)]}, 'a'),
        ({'a': [(10, 1), (20, 1)], 'b': [(9, 1), (22, 1)]}, 'a'),
        ({'a': [(0.1 + 0.2, 1)], 'b': [(0.3, 0.9)]}, 'b'),
    ],
)
def test_the_choice_is_by_mean_error_then_nll_then_order(trials, expected):
    pairs = [(name, dict(error=e, nll=n)) for name, found in trials.items() for e, n in found]
    names, results = zip(*pairs, strict=True)
    assert choose(names, results) == expected


def test_snakemake_is_looked_for_in_its_places(tmp_path, monkeypatch):
    def install(folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / 'snakemake'
        path.write_text('#!/bin/sh\n')
        path.chmod(0o755)
        return str(path)

    monkeypatch.delenv('MULTIMIX_SNAKEMAKE', raising=False)
    monkeypatch.setenv('PATH', str(tmp_path / 'path'))
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'beside/python'))
    monkeypatch.setattr('experiments.engine.ROOT', tmp_path)
    with pytest.raises(
        EngineError, match=r'was not found: `make env` in a checkout, or pip install'
    ) as error:
        find_snakemake()
    assert len(str(error.value).splitlines()) == 1
    for place in (tmp_path / 'path', tmp_path / '.venv-experiments/bin', tmp_path / 'beside'):
        found = install(place)
        assert find_snakemake() == found
    monkeypatch.setenv('MULTIMIX_SNAKEMAKE', install(tmp_path / 'mine'))
    assert find_snakemake() == str(tmp_path / 'mine/snakemake')
