"""Names of this package, for tools that read types; see ``__init__.py``."""

from . import data as data
from . import encoders as encoders
from . import probes as probes
from . import reporting as reporting
from . import results as results
from . import sparse as sparse
from . import stats as stats
from . import store as store
from . import tissue as tissue
from . import training as training
from .core.errors import FeatkitError as FeatkitError
from .core.errors import FeatkitWarning as FeatkitWarning
from .core.errors import InputError as InputError
from .results import load_result as load_result
from .store import open_store as open_store
from .workflows import audit as audit
from .workflows import compare as compare
from .workflows import demo as demo
from .workflows import evaluate as evaluate
from .workflows import extract as extract
from .workflows import init as init
from .workflows import probe as probe
from .workflows import report as report
from .workflows import signatures as signatures
from .workflows import split as split
from .workflows import store_import as store_import
from .workflows import store_info as store_info
from .workflows import store_verify as store_verify
from .workflows import train as train

__version__: str
from .core.options import CompareOptions as CompareOptions
from .core.options import ComputeOptions as ComputeOptions
from .core.options import DataOptions as DataOptions
from .core.options import EncoderOptions as EncoderOptions
from .core.options import ExtractOptions as ExtractOptions
from .core.options import PathOptions as PathOptions
from .core.options import PenaltyOptions as PenaltyOptions
from .core.options import ProbeOptions as ProbeOptions
from .core.options import Resampling as Resampling
from .core.options import SignatureOptions as SignatureOptions
from .core.options import SplitOptions as SplitOptions
from .core.options import StabilityOptions as StabilityOptions
from .core.options import TrainOptions as TrainOptions
from .core.run_key import RunFilter as RunFilter
from .core.run_key import RunKey as RunKey
