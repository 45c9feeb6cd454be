"""Runs put together by the fields of their keys, and what each is called beside the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from featkit.core.natural_order import natural_key
from featkit.core.run_key import RunKey, label_of
from featkit.results.by_run import ByRun

T = TypeVar("T")

MODELS = {"head": "trained head", "signature": "sparse signature", "dense": "model on all dimensions"}
"""What the models are called in sentences."""


def labels(names: Iterable[RunKey | str]) -> list[str]:
    """Return what to call runs, or named things, that are shown together."""
    shown = list(names)
    return [label_of(name, among=shown) for name in shown]


def labels_within_method(names: Iterable[RunKey | str]) -> list[str]:
    """Return what to call runs that are shown together, without the method where all have the same."""
    shown = list(names)
    if len(shown) > 1 and len({name.method if isinstance(name, RunKey) else name for name in shown}) == 1:
        return labels(name.without("method") if isinstance(name, RunKey) else name for name in shown)
    return labels(shown)


def model_labels(keys: Iterable[RunKey]) -> dict[RunKey, str]:
    """Return what to call models that are shown together: method and model always, the rest where it differs.

    Examples
    --------
    >>> list(model_labels([RunKey("grl", model="head", seed=seed) for seed in (0, 1)]).values())
    ['grl head, seed 0', 'grl head, seed 1']
    """
    shown = list(keys)
    return {key: key.label(among=[*shown, key.without("model")]) for key in shown}


def by_class(runs: Mapping[RunKey, T]) -> dict[str | None, ByRun[T]]:
    """Return the runs by the class that is told from the rest, those of all classes (None) first.

    A metric of one class against the rest and the same metric over all classes do not belong side by side.
    """
    classes = sorted({key.positive for key in runs}, key=lambda name: (name is not None, natural_key(name)))
    return {name: ByRun((key, one) for key, one in runs.items() if key.positive == name) for name in classes}


def by_model(runs: Mapping[RunKey, T], *without: str) -> dict[RunKey, ByRun[T]]:
    """Return the runs by their key without these parts ("fold", "seed")."""
    found: dict[RunKey, dict[RunKey, T]] = {}
    for key, one in runs.items():
        found.setdefault(key.without(*without), {})[key] = one
    return {key: ByRun(own) for key, own in found.items()}


def first_seed(runs: Mapping[RunKey, T]) -> tuple[ByRun[T], str]:
    """Return the runs to draw, those of one training seed where there are several, and a remark that says so."""
    seeds = sorted({key.seed for key in runs if key.seed is not None})
    if len(seeds) < 2:
        return ByRun(runs), ""
    kept = ByRun((key, one) for key, one in runs.items() if key.seed in (None, seeds[0]))
    return kept, f" Drawn: seed {seeds[0]}."


def against_the_rest(positive: str | None) -> str:
    """Return ", ductal against the rest" or nothing, for captions and titles."""
    return f", {positive} against the rest" if positive else ""
