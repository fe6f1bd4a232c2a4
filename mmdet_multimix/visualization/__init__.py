"""Pictures of results."""

from .detections import plot_detections
from .embeddings import plot_embeddings
from .ood_scores import plot_ood_scores
from .plots import COLORS, save_figure
from .reliability import plot_reliability

__all__ = [
    'COLORS',
    'plot_detections',
    'plot_embeddings',
    'plot_ood_scores',
    'plot_reliability',
    'save_figure',
]
