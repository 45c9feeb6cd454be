"""Names of this package, for tools that read types; see ``__init__.py``."""

from .copies import find_copies as find_copies
from .cross_validation import select_lambda as select_lambda
from .dense import fit_dense as fit_dense
from .false_selections import error_control as error_control
from .false_selections import pfer_bound as pfer_bound
from .multinomial import multinomial_path as multinomial_path
from .multinomial import one_vs_rest_paths as one_vs_rest_paths
from .path import logistic_path as logistic_path
from .selector import StabilitySelector as StabilitySelector
from .signature import fit_signature as fit_signature
from .stability import stability_selection as stability_selection
from .subsamples import patient_subsamples as patient_subsamples
