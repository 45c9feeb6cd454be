"""Names of this package, for tools that read types; see ``__init__.py``."""

from .adapters import ADAPTERS as ADAPTERS
from .breakhis_folds import official_folds as official_folds
from .classes import PositiveClass as PositiveClass
from .classes import class_order as class_order
from .classes import positive_class as positive_class
from .cross_validation import leave_patients_out as leave_patients_out
from .duplicates import find_duplicates as find_duplicates
from .images import check_images as check_images
from .images import pixel_hash as pixel_hash
from .images import read_rgb as read_rgb
from .leave_one_out import leave_one_domain_out as leave_one_domain_out
from .manifest import Manifest as Manifest
from .split import Split as Split
from .split import from_roles as from_roles
from .study_splits import StudySplits as StudySplits
from .study_splits import make_splits as make_splits
from .study_splits import study_design as study_design
