"""Result types: frozen dataclasses with ``to_dict``, ``from_dict``, ``save``, ``load`` and ``frame``."""

from featkit.core.results.base import Result, load_result
from featkit.core.results.estimate import Estimate

__all__ = ["Estimate", "Result", "load_result"]
