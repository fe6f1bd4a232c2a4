"""MultiMix and Dense MultiMix for MMDetection.

Importing the package registers its models, datasets, metrics and hooks in mmdet's registries, which is
what ``custom_imports = dict(imports=['mmdet_multimix'])`` in a config does.
"""

from . import compat
from .shipped import config
from .version import __version__

compat.check_stack()
compat.complete_ssd_head()

from . import checkpoints, datasets, engine, evaluation, models  # noqa: E402
from .models import DenseMultiMix, MultiMix  # noqa: E402

checkpoints.allow_checkpoint_globals()

__all__ = [
    'DenseMultiMix',
    'MultiMix',
    '__version__',
    'checkpoints',
    'config',
    'datasets',
    'engine',
    'evaluation',
    'models',
]
