"""Names of this package, for tools that read types; see ``__init__.py``."""

from .checkpoint import Checkpoint as Checkpoint
from .checkpoint import load_checkpoint as load_checkpoint
from .data import PatchSet as PatchSet
from .data import TrainingData as TrainingData
from .loop import train as train
from .method import Batch as Batch
from .method import LearningTask as LearningTask
from .method import Method as Method
from .method import MethodOptions as MethodOptions
from .registry import METHODS as METHODS
from .selection import SELECTION_RULES as SELECTION_RULES
