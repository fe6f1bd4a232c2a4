"""Pictures of results."""

from .detections import plot_detections
from .embeddings import plot_embeddings
from .plots import COLORS, plot_bars, plot_curves, save_figure

__all__ = ['COLORS', 'plot_bars', 'plot_curves', 'plot_detections', 'plot_embeddings', 'save_figure']
