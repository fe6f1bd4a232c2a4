"""Image classifiers around mmdet's backbones."""

from .image_classifier import ImageClassifier

__all__ = ['ImageClassifier']
