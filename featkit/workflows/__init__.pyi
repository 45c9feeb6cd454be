"""Names of this package, for tools that read types; see ``__init__.py``."""

from ._audit import audit as audit
from ._compare import compare as compare
from ._demo import demo as demo
from ._evaluate import evaluate as evaluate
from ._extract import extract as extract
from ._init import init as init
from ._probe import probe as probe
from ._report import report as report
from ._signatures import signatures as signatures
from ._split import split as split
from ._store import store_import as store_import
from ._store import store_info as store_info
from ._store import store_verify as store_verify
from ._train import train as train
