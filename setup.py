"""Build file with the metadata, which an old setuptools (before 77) cannot read from pyproject.toml."""

import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
supported = runpy.run_path(str(ROOT / 'mmdet_multimix' / 'supported.py'))
requirement, extra = supported['requirement'], supported['extra']
MINORS = range(*(int(version.split('.')[1]) for version in supported['PYTHON']))
TOOLS = ('train.py', 'test.py', 'evaluate.py', 'publish_backbone.py', 'prepare_dataset.py')
TOOLS += ('dist_train.sh', 'slurm_train.sh')


class BuildWithConfigs(build_py):
    """Packs configs and tools into the package, as OpenMMLab's packages do, so that `mim` finds them."""

    def run(self):
        """Build the package; one that stays in its checkout has both beside it."""
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        packed = Path(self.build_lib, 'mmdet_multimix', '.mim')
        shutil.rmtree(packed, ignore_errors=True)  # of an earlier build
        shutil.copytree(ROOT / 'configs', packed / 'configs', ignore=shutil.ignore_patterns('__pycache__'))
        shutil.copy2(ROOT / 'model-index.yml', packed)
        (packed / 'tools').mkdir()
        for name in TOOLS:
            shutil.copy2(ROOT / 'tools' / name, packed / 'tools')


setup(
    name='mmdet_multimix',
    version=runpy.run_path(str(ROOT / 'mmdet_multimix' / 'version.py'))['__version__'],
    description='MultiMix and Dense MultiMix for MMDetection: pretraining, transfer, training of detectors',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords=['object detection', 'mixup', 'data augmentation', 'mmdetection', 'transfer learning'],
    classifiers=[
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: 3.{minor}' for minor in MINORS),
        'Topic :: Scientific/Engineering :: Image Recognition',
    ],
    python_requires='>={},<{}'.format(*supported['PYTHON']),
    cmdclass={'build_py': BuildWithConfigs},
    entry_points={
        'console_scripts': [
            f'multimix-{name} = mmdet_multimix.commands.{name.replace("-", "_")}:main'
            for name in ('train', 'test', 'evaluate', 'publish-backbone', 'prepare-dataset')
        ]
    },
    packages=find_packages(include=['mmdet_multimix', 'mmdet_multimix.*']),
    package_data={'mmdet_multimix': ['py.typed']},
    # No mm* distribution here: two stacks with different names serve the same imports (see the extras).
    install_requires=[
        'matplotlib',
        requirement('numpy'),
        'pycocotools',
        'pyyaml',
        'rich',
        'scikit-learn',
        'scipy',
        requirement('torch'),
        requirement('torchvision'),
    ],
    extras_require={
        'onedl': extra('onedl'),
        'openmmlab': extra('openmmlab'),
        # Snakemake may as well be in an environment of its own, as `make env` has it; see docs/transfer.md.
        'experiments': [
            'pandas',
            "snakemake>=9,<10; python_version >= '3.11'",
            "snakemake-executor-plugin-slurm>=2.8,<2.9; python_version >= '3.11'",
            'tabulate',
        ],
        'timm': ['mmpretrain>=1.0', 'timm>=0.9'],
        'corruptions': ['imagecorruptions-imaug>=1.1.5'],
        'dev': ['pandas', 'pytest', 'pytest-xdist', 'ruff', 'safetensors', 'tabulate'],
    },
)
