"""What is checked before anything long starts.

:func:`check_config` takes a second or two and runs before every training and test. :func:`check_data` reads
all annotations and looks for every image of several configs, in seconds. Both ask the files of this folder:

- ``config_file``: whether a file is a config, and has what a run needs.
- ``walk``: which data sets, metrics, modules and files a config names.
- ``coco``, ``voc``, ``image_folders``: whether a data set of this format is there and whole.
- ``classes``: whether data sets and heads have the same classes.
- ``coco_content``, ``voc_content``, ``kept``: which boxes mmdet keeps, and what it drops or misreads.
- ``encoding``: whether a text is in UTF-8.
- ``images``: whether images are there and as large as their annotations say.
- ``taken``: which images are left after a set's filter.
- ``splits``: whether an evaluation measures the images that are loaded, and what is learnt.
- ``metrics``: whether an evaluation gives the metrics that are asked for.
- ``checkpoints``: whether the files of initial weights are there, fit, and are of the same classes.
- ``shapes``: models without memory for them, as others need them.
- ``hooks``: whether hooks take what they are given, and whether a list has replaced those of its base.
- ``unread``: whether a run reads the keys that somebody sets.
- ``remark``: what is only said, as mmdet trains on it.
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
