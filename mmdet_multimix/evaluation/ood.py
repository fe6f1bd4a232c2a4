"""How well a score tells images of the training distribution from others.

The score is the maximum softmax probability: Hendrycks and Gimpel, A Baseline for Detecting Misclassified and
Out-of-Distribution Examples in Neural Networks, ICLR 2017. The measures are those of Liang et al., Enhancing
the Reliability of Out-of-Distribution Image Detection in Neural Networks (ODIN), ICLR 2018, section 4.3.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve


def detection_measures(inside: np.ndarray, outside: np.ndarray) -> dict[str, float]:
    """Measures of detecting images from outside the distribution, in percent, higher being better.

    Every measure gives both sets the same weight, whatever their sizes, as ODIN's code does; so the areas
    under the precision-recall curves of folders of different sizes can be compared. Where an image of either
    set has the very score of the threshold, ODIN's code counts both as detected; here both are taken for
    inside, so that scores that are all equal detect nothing.

    Args:
        inside: Scores of images from the distribution, ``(N,)``, high being inside.
        outside: Scores of the others, ``(M,)``.

    Returns:
        ``detection_accuracy``, 1 - min over thresholds of (FNR + FPR) / 2; ``auroc``; ``aupr_in`` with the
        inside as positive class, ``aupr_out`` with the outside.

    Raises:
        ValueError: One of the sets is empty, or a score is not finite.
    """
    if not len(inside) or not len(outside):
        raise ValueError(f'both sets need images, got {len(inside)} inside and {len(outside)} outside')
    scores = np.concatenate([inside, outside]).astype(np.float64)
    if not np.isfinite(scores).all():
        raise ValueError('the scores hold values that are not finite')
    is_inside = np.repeat([True, False], [len(inside), len(outside)])
    weights = np.where(is_inside, 1 / len(inside), 1 / len(outside))
    fpr, tpr, _ = roc_curve(is_inside, scores, drop_intermediate=False)
    measures = {
        'detection_accuracy': 1 - (1 - tpr + fpr).min() / 2,
        'auroc': roc_auc_score(is_inside, scores),
        'aupr_in': average_precision_score(is_inside, scores, sample_weight=weights),
        'aupr_out': average_precision_score(~is_inside, -scores, sample_weight=weights),
    }
    return {name: 100.0 * float(value) for name, value in measures.items()}
