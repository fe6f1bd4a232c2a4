"""Measures of trained models: plain functions, and the cheap ones as mmengine metrics too."""

from .attacks import fgsm, pgd
from .calibration import Reliability, reliability
from .cls_accuracy import ClsAccuracy
from .cls_calibration import ClsCalibration
from .cls_embedding import ClsEmbedding
from .det_calibration import DetCalibration
from .embedding import alignment, class_spread, class_tightness, uniformity
from .ood import detection_measures
from .ranks import check_scores, label_ranks, negative_log_likelihood, topk_accuracy

__all__ = [
    'ClsAccuracy',
    'ClsCalibration',
    'ClsEmbedding',
    'DetCalibration',
    'Reliability',
    'alignment',
    'check_scores',
    'class_spread',
    'class_tightness',
    'detection_measures',
    'fgsm',
    'label_ranks',
    'negative_log_likelihood',
    'pgd',
    'reliability',
    'topk_accuracy',
    'uniformity',
]
