"""Pretraining methods that mix images or inner features, or change the targets; see :class:`PretrainMethod`.

Those that change the loss of the embeddings alone, MultiMix and Dense MultiMix, are heads.
"""

from .base import PretrainMethod
from .input_mixing import CutMix, InputMixup
from .manifold_mixup import AlignMixup, ManifoldMixup
from .self_distillation import SelfDistillation

__all__ = ['AlignMixup', 'CutMix', 'InputMixup', 'ManifoldMixup', 'PretrainMethod', 'SelfDistillation']
