"""Measures of detectors: what their scores are worth, and what fog does to them."""

from .boxes import Detections, GroundTruth, coco_detections, coco_ground_truth
from .calibration import d_ece, laece, nll
from .coco_ap import ap_measures, average_precision
from .lrp import lrp, lrp_thresholds
from .matching import Matches, match
from .measures import DetectionMeasures, measure_detections, measure_files
from .post_hoc import Calibrator, fit_calibrator

__all__ = [
    'Calibrator',
    'DetectionMeasures',
    'Detections',
    'GroundTruth',
    'Matches',
    'ap_measures',
    'average_precision',
    'coco_detections',
    'coco_ground_truth',
    'd_ece',
    'fit_calibrator',
    'laece',
    'lrp',
    'lrp_thresholds',
    'match',
    'measure_detections',
    'measure_files',
    'nll',
]
