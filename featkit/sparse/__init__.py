"""Sparse models of embeddings: certified L1-logistic paths, stability selection, signatures."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "logistic_path": "featkit.sparse.path",
        "multinomial_path": "featkit.sparse.multinomial",
        "one_vs_rest_paths": "featkit.sparse.multinomial",
        "select_lambda": "featkit.sparse.cross_validation",
        "patient_folds": "featkit.sparse.cross_validation",
        "stability_selection": "featkit.sparse.stability",
        "patient_subsamples": "featkit.sparse.subsamples",
        "StabilitySelector": "featkit.sparse.selector",
        "error_control": "featkit.sparse.pfer",
        "pfer_bound": "featkit.sparse.pfer",
        "fit_signature": "featkit.sparse.signature",
    },
)
