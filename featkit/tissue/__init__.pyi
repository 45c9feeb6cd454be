"""Names of this package, for tools that read types; see ``__init__.py``."""

from .cohort import CohortOptions as CohortOptions
from .cohort import generate_cohort as generate_cohort
