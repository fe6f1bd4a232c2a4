"""The mathematics of MultiMix and of its baselines. Imports torch and nothing else.

The equations of MultiMix (arXiv 2311.05538), by the numbers in the caption of its figure 2, are marked
``eq. (n)`` in the code:

* (9), attention: :func:`spatial_attention`; in one-stage detectors :func:`score_attention`
* (10) and (11), weights times attention, renormalised: :func:`attend`
* (12) and (13), mixed embeddings and targets, and their loss: :func:`mixed_cross_entropy`

:mod:`~mmdet_multimix.ops.reference` has all of them as loops in float64.
"""

from .attention import attend, spatial_attention
from .mixed_cross_entropy import mixed_cross_entropy
from .mixed_sigmoid import mixed_binary_cross_entropy, mixed_focal_loss
from .multimix_cross_entropy import multimix_binary_cross_entropy, multimix_cross_entropy
from .pair_mixing import align, mix_pairs, mix_targets, sample_factors, sinkhorn_assignment
from .score_attention import score_attention
from .signal import gradient_signal
from .weights import sample_weights

__all__ = [
    'align',
    'attend',
    'gradient_signal',
    'mix_pairs',
    'mix_targets',
    'mixed_binary_cross_entropy',
    'mixed_cross_entropy',
    'mixed_focal_loss',
    'multimix_binary_cross_entropy',
    'multimix_cross_entropy',
    'sample_factors',
    'sample_weights',
    'score_attention',
    'sinkhorn_assignment',
    'spatial_attention',
]
