"""The mathematics of MultiMix and of its baselines. Imports torch and nothing else."""

from .attention import attend, spatial_attention
from .mixed_bce import mixed_binary_cross_entropy, mixed_focal_loss
from .mixed_cross_entropy import mixed_cross_entropy
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
