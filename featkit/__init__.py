"""featkit: embedding-first analysis of frozen features for computational pathology."""

__version__ = "0.1.0"
