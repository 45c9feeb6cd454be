"""Names of this package, for tools that read types; see ``__init__.py``."""

from .adapters import ADAPTERS as ADAPTERS
from .breakhis_folds import official_folds as official_folds
from .classes import class_order as class_order
from .duplicates import find_duplicates as find_duplicates
from .images import check_images as check_images
from .images import pixel_hash as pixel_hash
from .images import read_rgb as read_rgb
from .leave_one_out import all_folds as all_folds
from .leave_one_out import leave_one_domain_out as leave_one_domain_out
from .manifest import Manifest as Manifest
from .split import Split as Split
from .split import from_roles as from_roles
