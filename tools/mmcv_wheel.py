"""Compiles mmcv once for all checkouts of a user: `setup_env.py` calls it.

The wheel is kept in ~/.cache/mmdet_multimix, by what its compiled ops depend on: mmcv, torch, Python, and
whether they are for a GPU. Standard library only.
"""

import os
import platform
import subprocess
import tempfile
from pathlib import Path

# A compiled op is called, not only imported: an mmcv without ops imports well and fails in training.
CHECK_OPS = (
    'import torch; from mmcv.ops import nms, roi_align; '
    'nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1.0]), 0.5); '
    'roi_align(torch.ones(1, 1, 4, 4), torch.tensor([[0.0, 0, 0, 2, 2]]), (2, 2))'
)
# mmcv compiles for a GPU where torch sees one, or where it is told to.
_BUILT_FOR = (
    'import os, sysconfig, torch; gpu = torch.cuda.is_available() or os.environ.get("FORCE_CUDA") == "1"; '
    'print("torch", torch.__version__, "-gpu" if gpu else "-cpu", sep="", end="-py"); '
    'print(sysconfig.get_python_version())'
)


def has_ops(python):
    """Whether the mmcv of an environment has its compiled ops."""
    # From elsewhere than the checkout, so that nothing in it can shadow an installed package.
    return subprocess.run([python, '-c', CHECK_OPS], capture_output=True, cwd=python.parent).returncode == 0


def cache_folder(python, package):
    """Where the wheel of a package, as `mmcv==2.1.0`, is kept for an environment."""
    done = subprocess.run([python, '-c', _BUILT_FOR], capture_output=True, text=True, check=True)
    home = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return home / 'mmdet_multimix' / f'{package}-{done.stdout.strip()}-{platform.machine()}'


def install_mmcv(package, python, pip, log, run):
    """Installs mmcv with its ops, from the kept wheel or from a new one, which is kept then.

    Args:
        package: As `mmcv==2.1.0`.
        python: The interpreter of the environment, which has torch.
        pip: The command that starts its pip.
        log: The file for what pip and the compiler say.
        run: Runs a command: `run(title, command, log, env=None)` gives its exit code.

    Returns:
        None, or what went wrong.
    """
    kept = cache_folder(python, package)
    install = [*pip, 'install', '--no-deps', '--force-reinstall']
    for wheel in kept.glob('*.whl'):
        if run(f'Installing {package}, compiled earlier', [*install, wheel], log) == 0 and has_ops(python):
            return None
    cores = os.cpu_count() or 1
    print(f'{package} is compiled here, once: about {13 // cores + 1} minutes on {cores} free cores.')
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
        env = {'MMCV_WITH_OPS': '1', 'MAX_JOBS': str(cores)}
        # --verbose shows ninja's own counter, from which the progress line is made.
        build = [*pip, 'wheel', '--verbose', '--no-build-isolation', '--no-deps', '--no-binary', ':all:']
        build += ['--no-cache-dir', '--wheel-dir', folder, package]
        if run(f'Building {package}', build, log, env):
            return 'could not be built'
        (wheel,) = Path(folder).glob('*.whl')
        code = run(f'Installing {package}', [*install, wheel], log.with_suffix('.install.log'))
        if code or not has_ops(python):
            return 'was built, but its compiled ops do not work'
        kept.mkdir(exist_ok=True)
        os.replace(wheel, kept / wheel.name)
    return None
