"""One small result of every exported kind, built from its annotations and the shapes its docstring gives."""

import dataclasses
import inspect
import re
import types
import typing

import numpy as np
import pytest

from featkit import results
from featkit.core.fingerprint import Fingerprint
from featkit.core.run_key import RunKey
from featkit.results import ByRun, Result

KEY = RunKey("grl", "100X", 0, "signature", variant={"target": "site, a/b"})
MADE_FROM = Fingerprint("signature 2", {"store": "abc"}, {"n_folds": 5, "folds": ["40X"]})
KINDS = [
    kind
    for kind in (getattr(results, name) for name in results.__all__)
    if isinstance(kind, type) and issubclass(kind, Result) and kind is not Result
]


def n_axes(kind, name):
    """Return how many axes the docstring of a result gives an array."""
    for line in inspect.getdoc(kind).splitlines():
        names, _, rest = line.partition(" : ")
        if name in [one.strip() for one in names.split(",")]:
            shape = re.search(r"\(([^)]*)\)", rest)
            return 1 if shape is None else max(1, len([part for part in shape[1].split(",") if part.strip()]))
    return 1


def value_of(hint, kind, name):
    """Return a value of a type that is not its default: numbers with all their digits, names with odd letters."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return value_of(next(one for one in inner if one is not type(None)), kind, name)
    if origin is tuple and name == "classes":
        return ("benign", "malignant, é")
    if origin is tuple:
        return (value_of(inner[0], kind, name), value_of(inner[0], kind, name))
    if origin is dict:
        return {"auc": value_of(inner[1], kind, name), "é, b/c": value_of(inner[1], kind, name)}
    if origin is ByRun:
        return ByRun({KEY: value_of(inner[0], kind, name), RunKey("nan", seed=1): value_of(inner[0], kind, name)})
    if isinstance(hint, type) and issubclass(hint, Result):
        return build(hint)
    plain = {int: 2, float: 0.1 + 0.2, str: "auc", bool: True, typing.Any: [1, "a"], np.ndarray: None, RunKey: KEY}
    if (kind.__name__, name) in CONSISTENT:
        return np.array(CONSISTENT[kind.__name__, name])
    assert hint in plain, f"{kind.__name__}.{name}: {hint}"
    return np.indices((2,) * n_axes(kind, name)).sum(axis=0) if hint is np.ndarray else plain[hint]


CONSISTENT = {  # arrays whose values must go together
    ("PathResult", "lambdas"): [0.2, 0.1],
    ("PathResult", "indptr"): [0, 0, 2],
    ("PathResult", "values"): [[0.1, 0.2], [0.3, 0.4]],
    ("Signature", "coefficients"): [[0.1, 0.2], [0.3, 0.4]],
}


def build(kind):
    hints = typing.get_type_hints(kind)
    given = {f.name: value_of(hints[f.name], kind, f.name) for f in dataclasses.fields(kind) if f.name not in OWN}
    return kind(**given, key=KEY, made_from=MADE_FROM)


OWN = {"key", "made_from"}


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def result(request):
    """A result of each exported kind in turn."""
    return build(request.param)
