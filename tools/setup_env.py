#!/usr/bin/env python3
"""Creates a virtual environment with torch, one OpenMMLab stack and this package.

Snakemake, which runs the experiments, gets a small one of its own, .venv-experiments: it needs a later Python
and other versions than the stacks.

Standard library only, so that any Python can start it. A second call with unchanged requirements
returns at once; an interrupted one continues with what is missing.

    python3 tools/setup_env.py                     # the reference stack into .venv
    python3 tools/setup_env.py --stack openmmlab   # the upstream stack into .venv-openmmlab
    python3 tools/setup_env.py --stack classic     # the upstream stack with torch 2.1 into .venv-classic
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from mmcv_wheel import has_ops, install_mmcv

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / 'requirements'
METADATA = (ROOT / 'setup.py', ROOT / 'mmdet_multimix' / 'supported.py')
SUPPORTED = ((3, 10), (3, 11), (3, 12))
EXPERIMENTS, EXPERIMENTS_PYTHON = '.venv-experiments', (3, 11)


class Stack(NamedTuple):
    """Where a stack goes, the Pythons that it has wheels for, and its files of requirements."""

    venv: str
    pythons: tuple = SUPPORTED
    build: str = 'build'
    torch: str = 'torch'


STACKS = {
    'onedl': Stack('.venv'),
    'openmmlab': Stack('.venv-openmmlab'),
    'classic': Stack('.venv-classic', SUPPORTED[:2], 'classic_build', 'classic_torch'),
}


def stop(message):
    sys.exit(f'setup: {message}')


def find_python(pythons=SUPPORTED):
    """The interpreter for an environment: this one if of these versions, else one on the PATH, or None."""
    if sys.version_info[:2] in pythons:
        return sys.executable
    for major, minor in reversed(pythons):
        path = shutil.which(f'python{major}.{minor}')
        works = path and subprocess.run([path, '-c', 'pass'], capture_output=True).returncode == 0
        if works:
            return path
    return None


def progress_of(log):
    """The last '[12/345]' that ninja wrote into the log, or ''."""
    steps = re.findall(r'\[(\d+/\d+)\]', log.read_text(errors='replace')) if log.exists() else []
    return f' {steps[-1]} files compiled,' if steps else ''


def run(title, command, log, env=None):
    """Runs a command with its output in `log`, showing on one line that it is alive."""
    start = time.monotonic()
    done = threading.Event()
    on_terminal = sys.stdout.isatty()
    every = 1 if on_terminal else 30

    def show():
        while not done.wait(every):
            minutes, seconds = divmod(int(time.monotonic() - start), 60)
            line = f'{title} ...{progress_of(log)} {minutes}:{seconds:02d}'
            print(f'\r\033[K{line}' if on_terminal else line, end='' if on_terminal else '\n', flush=True)

    print(f'{title} ...', end='' if on_terminal else '\n', flush=True)
    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    try:
        with log.open('w') as out:
            code = subprocess.call(
                [str(c) for c in command],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=ROOT,
                env={**os.environ, **(env or {})},
            )
    finally:
        done.set()
        watcher.join()
    took = time.monotonic() - start
    print(f'\r\033[K{title}: {took:.0f} s' if on_terminal else f'{title}: {took:.0f} s', flush=True)
    return code


def pinned(stack, name):
    for line in (REQUIREMENTS / f'{stack}.txt').read_text().splitlines():
        if re.match(rf'(onedl-)?{name}==', line):
            return line.strip()
    stop(f'requirements/{stack}.txt does not pin {name}')


def set_up_mmcv(stack, env):
    """Installs mmcv, or stops with what to do."""
    package, log = pinned(stack, 'mmcv'), env.logs / 'mmcv.log'
    what = install_mmcv(package, env.python, env.pip, log, run)
    if what is not None:
        stop(
            f'{package} {what}; the log is {log}.\n'
            'It needs a C++ compiler (Debian: apt-get install g++ python3-dev). With a GPU it also '
            'needs nvcc of the same CUDA version as torch; CUDA_VISIBLE_DEVICES= make ... builds it '
            'for the CPU. Then call make again: finished steps are kept.'
        )


def fingerprint(*requirements):
    """Changes when what must be installed changes, or where: environments cannot be moved."""
    digest = hashlib.sha256(str(ROOT).encode())
    names = [REQUIREMENTS / f'{name}.txt' for name in requirements]
    for path in [*names, *METADATA, Path(__file__)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Environment:
    """A virtual environment that is built once, for what the files of requirements say."""

    def __init__(self, name, *requirements):
        self.path = ROOT / name
        self.python = self.path / 'bin' / 'python'
        self.logs = self.path / 'logs'
        self.pip = [self.python, '-m', 'pip', '--disable-pip-version-check']
        self._stamp, self._want = self.path / 'installed', fingerprint(*requirements)

    def is_ready(self):
        return self._stamp.exists() and self._stamp.read_text() == self._want

    def set_ready(self):
        self._stamp.write_text(self._want)

    def create(self, interpreter):
        if not self.python.exists() and subprocess.call([interpreter, '-m', 'venv', str(self.path)]):
            stop('could not create the environment (Debian: apt-get install python3-venv)')
        self.logs.mkdir(exist_ok=True)

    def install(self, title, name, *arguments):
        log = self.logs / f'{name}.log'
        if run(title, [*self.pip, 'install', *arguments], log):
            print(''.join(log.read_text(errors='replace').splitlines(keepends=True)[-15:]))
            stop(f'{title} failed; the log is {log}')


def set_up_stack(name):
    stack = STACKS[name]
    env = Environment(stack.venv, stack.build, stack.torch, name, 'stack_deps', 'dev', 'docs')
    if env.is_ready():
        return
    interpreter = find_python(stack.pythons)
    if interpreter is None:
        wanted = ' or '.join('.'.join(map(str, version)) for version in stack.pythons)
        stop(
            f'needs Python {wanted}; {sys.executable} is {sys.version.split()[0]} and no other was '
            'found. Install one and call: make PYTHON=/path/to/python3.11 ...'
        )
    if not shutil.which('c++') and not shutil.which('g++'):
        stop('needs a C++ compiler to build mmcv (Debian: apt-get install g++ python3-dev)')
    env.create(interpreter)
    torch = ('-r', REQUIREMENTS / f'{stack.torch}.txt')
    env.install('Installing build tools', 'build', '-r', REQUIREMENTS / f'{stack.build}.txt')
    env.install('Installing torch (a few GB)', 'torch', *torch)
    env.install('Installing dependencies', 'deps', *torch, '-r', REQUIREMENTS / 'stack_deps.txt')
    if not has_ops(env.python):
        mmengine = pinned(name, 'mmengine')
        env.install(f'Installing {mmengine}', 'mmengine', '--no-deps', mmengine)
        set_up_mmcv(name, env)
    stack_file = REQUIREMENTS / f'{name}.txt'
    env.install('Installing mmdet', 'mmdet', '--no-deps', '--no-build-isolation', '-r', stack_file)
    dev = ('-r', REQUIREMENTS / 'dev.txt', '-e', ROOT)
    env.install('Installing mmdet_multimix', 'package', '--no-build-isolation', *torch, *dev)
    env.set_ready()
    print(f'Ready: source {env.path.relative_to(ROOT)}/bin/activate')


def set_up_experiments():
    env = Environment(EXPERIMENTS, 'experiments')
    if env.is_ready():
        return
    interpreter = find_python(tuple(version for version in SUPPORTED if version >= EXPERIMENTS_PYTHON))
    if interpreter is None:
        print(
            'Without Python 3.11 or 3.12 there is no Snakemake, which runs the experiments; all else works.'
        )
        return
    env.create(interpreter)
    env.install('Installing Snakemake', 'snakemake', '-r', REQUIREMENTS / 'experiments.txt')
    env.set_ready()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--stack', choices=sorted(STACKS), default='onedl', help='onedl is the reference')
    set_up_stack(parser.parse_args().stack)
    set_up_experiments()


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        stop('interrupted; call it again to continue')
