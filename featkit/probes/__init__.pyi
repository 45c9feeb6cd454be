"""Names of this package, for tools that read types; see ``__init__.py``."""

from .column import probe_column as probe_column
from .patient import probe_patient as probe_patient
from .registry import PROBES as PROBES
from .registry import probe_of as probe_of
from .rows import ProbeRows as ProbeRows
