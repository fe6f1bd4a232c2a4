"""What is checked before anything long starts.

:func:`check_config` takes milliseconds and runs before every training and test. :func:`check_data` reads all
annotations and looks for every image of several configs, in seconds. Both ask the same files of this folder:

- ``walk``: which data sets, metrics and modules a config names.
- ``coco``, ``voc``, ``image_folders``: whether a data set of this format is there and whole.
- ``classes``: whether data sets and heads have the same classes.
- ``metrics``: whether an evaluation gives the metrics that are asked for.
- ``checkpoints``: whether the files of initial weights are there.
"""

from .config import PreflightError, check_config
from .data import check_data, count_images
from .metrics import check_metrics, empty_result
from .walk import dataset_leaves

__all__ = [
    'PreflightError',
    'check_config',
    'check_data',
    'check_metrics',
    'count_images',
    'dataset_leaves',
    'empty_result',
]
