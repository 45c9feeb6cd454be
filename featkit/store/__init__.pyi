"""Names of this package, for tools that read types; see ``__init__.py``."""

from .comparable import differences as differences
from .comparable import require_comparable as require_comparable
from .in_memory import write_store as write_store
from .inspection import require_intact as require_intact
from .inspection import store_info as store_info
from .inspection import verify_store as verify_store
from .store import EmbeddingStore as EmbeddingStore
from .store import open_store as open_store
from .tables import import_table as import_table
from .writer import StoreWriter as StoreWriter
