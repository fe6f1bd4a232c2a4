"""The table of versions, and all that reads it."""

import subprocess
import sys

import pytest
from cli import ROOT, environment
from packaging.requirements import Requirement
from packaging.version import Version

from mmdet_multimix.supported import PYTHON, STACKS, VERSIONS, extra, requirement

pytestmark = pytest.mark.smoke

# What is found where people train: none of these may be moved by an installation.
IN_RANGE = {
    'torch': ('2.0.0', '2.0.1+cu118', '2.1.2', '2.4.1+cpu', '2.6.0', '2.11.0'),
    'torchvision': ('0.15.2', '0.16.2', '0.19.1', '0.26.0'),
    'numpy': ('1.23.5', '1.26.4', '2.0.0', '2.4.1'),
    'mmengine': ('0.10.0', '0.10.7', '0.10.12'),
    'mmcv': ('2.0.0', '2.0.1', '2.1.0', '2.2.0', '2.3.6'),
    'mmdet': ('3.1.0', '3.2.0', '3.3.0', '3.4.0', '3.5.1'),
}
OUTSIDE = {
    'torch': ('1.13.1',),
    'torchvision': ('0.14.1',),
    'numpy': ('1.22.4', '3.0.0'),
    'mmengine': ('0.9.1', '0.11.0'),
    'mmcv': ('1.7.1', '2.4.0'),
    'mmdet': ('2.28.0', '3.0.0', '3.6.0'),
}


def contains(name, version):
    return Requirement(requirement(name)).specifier.contains(Version(version))


@pytest.mark.parametrize('name', VERSIONS)
def test_the_range_of(name):
    assert all(contains(name, version) for version in IN_RANGE[name])
    assert not any(contains(name, version) for version in OUTSIDE[name])


@pytest.fixture(scope='module')
def metadata(tmp_path_factory):
    """What setup.py tells pip: the requirements under each heading, and the other fields."""
    folder = tmp_path_factory.mktemp('metadata')
    command = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', folder]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    egg = folder / 'mmdet_multimix.egg-info'
    requirements, heading = {'': []}, ''
    for line in (egg / 'requires.txt').read_text().splitlines():
        if not line:
            continue
        if line.startswith('['):
            heading = line.strip('[]')
            requirements[heading] = []
        else:
            requirements[heading].append(Requirement(line))
    return requirements, (egg / 'PKG-INFO').read_text()


def test_the_metadata_says_what_the_table_says(metadata):
    requirements, fields = metadata
    plain = {wanted.name: wanted.specifier for wanted in requirements['']}
    assert not {'mmengine', 'mmcv', 'mmdet'} & set(plain)
    for name in ('torch', 'torchvision', 'numpy'):
        assert plain[name] == Requirement(requirement(name)).specifier
    for stack in STACKS:
        assert list(map(str, requirements[stack])) == [str(Requirement(line)) for line in extra(stack)]
    # Others come as pip finds them: nothing forces an old NumPy up but a library of the user's own.
    assert not any(
        wanted.specifier for name, wanted in zip(plain, requirements[''], strict=True) if name not in VERSIONS
    )
    assert (
        f'Requires-Python: <{PYTHON[1]},>={PYTHON[0]}' in fields
        or f'Requires-Python: >={PYTHON[0]},<{PYTHON[1]}' in fields
    )
    assert 'Apache-2.0' in fields


def test_an_extra_installs_a_stack_that_can_be_imported():
    """mmdet 3.3 refuses mmcv 2.2, which the range has for those who have lifted that."""
    (mmcv,) = (Requirement(line) for line in extra('openmmlab') if line.startswith('mmcv'))
    assert mmcv.specifier.contains('2.1.0') and not mmcv.specifier.contains('2.2.0')


def test_the_readme_says_what_the_table_says():
    text = ' '.join((ROOT / 'README.md').read_text().split())
    ranges = (
        ('Python', PYTHON),
        ('mmengine', VERSIONS['mmengine']),
        ('mmcv', VERSIONS['mmcv']),
        ('mmdet', VERSIONS['mmdet']),
    )
    for name, (minimum, maximum) in ranges:
        major, minor = maximum.split('.')
        last = f'{major}.{int(minor) - 1}'  # the maximum is exclusive
        assert f'{name} {minimum} to {last}' in text or (minimum == last and f'{name} {minimum}' in text), (
            name
        )
    assert VERSIONS['torch'][1] is None and f'torch {VERSIONS["torch"][0]} or later' in text
    minimum, maximum = VERSIONS['numpy']
    assert f'NumPy {minimum} to {int(maximum) - 1}' in text


def test_installing_the_package_moves_nothing():
    """In the environment of the tests, which is in range; pip needs no index for that."""
    command = [sys.executable, '-m', 'pip', 'install', '--dry-run', '--no-index', '--no-build-isolation', '.']
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    would = [line for line in done.stdout.splitlines() if line.startswith('Would install')]
    assert not would or would[0].split()[2:] in (
        [f'mmdet_multimix-{version()}'],
        [f'mmdet-multimix-{version()}'],
    )


def version():
    from mmdet_multimix import __version__

    return __version__
