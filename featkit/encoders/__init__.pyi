"""Names of this package, for tools that read types; see ``__init__.py``."""

from .encoder import Encoder as Encoder
from .extract import EmbeddedBatch as EmbeddedBatch
from .extract import Extraction as Extraction
from .extract import embed_patches as embed_patches
from .load import check_encoder as check_encoder
from .load import load_encoder as load_encoder
from .read import read_patches as read_patches
from .registry import ENCODERS as ENCODERS
from .saved import restore_encoder as restore_encoder
from .saved import save_encoder as save_encoder
from .transform import Transform as Transform
