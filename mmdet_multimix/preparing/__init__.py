"""Photographs with boxes, as people have them, made a data set that trains.

:func:`prepare` does all of it: ``voc``, ``yolo`` and ``coco`` each read a format in whatever layout it comes,
``choosing`` says what the classes and splits are, ``cleaning`` looks at every image and box, ``writing``
gives COCO's format and a config, ``report`` says what came of it. ``checks`` judges the result as it judges
the data of every training.
"""

from .command import prepare
from .found import PreparingError

__all__ = ['PreparingError', 'prepare']
