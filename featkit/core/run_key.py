"""Who a result is of: the run's identity as data, turned into words only when it is printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from featkit.core.errors import InputError
from featkit.core.file_names import escaped_name
from featkit.core.natural_order import natural_key
from featkit.core.seeds import check_seeds

_LONGEST = 200  # bytes of a file's name; file systems allow 255, and endings need some
FROZEN = "frozen"
"""The method of an encoder that was not trained here."""


@dataclasses.dataclass(frozen=True)
class RunKey:
    """The identity of a run; None where a part does not apply or the result spans all of them.

    Parameters
    ----------
    method : str, optional
        Training method ("grl"), "frozen", or the name of a store.
    fold : str, optional
        The held-out part, by its name ("100X").
    seed : int, optional
        Training seed.
    model : str, optional
        Whose forecasts: "signature", "head", ...
    positive : str, optional
        The class told from the rest.
    variant : mapping of str to str, or tuple of pairs
        What else sets the result apart from the plain one, by option (``{"within": "label"}``); kept sorted.

    Examples
    --------
    >>> key = RunKey("grl", "100X", 1, "signature")
    >>> key.label(), key.label(among=[key, RunKey("grl", "200X", 1, "signature")])
    ('grl signature, 100X, seed 1', 'grl, 100X')
    """

    method: str | None = None
    fold: str | None = None
    seed: int | None = None
    model: str | None = None
    positive: str | None = None
    variant: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in ("method", "fold", "model", "positive"):
            if not isinstance(getattr(self, name), str | None):
                raise InputError(f"the {name} of a run must be text", repr(getattr(self, name)))
        check_seeds(() if self.seed is None else (self.seed,))
        given: Any = self.variant
        pairs = list(given.items()) if isinstance(given, Mapping) else given
        if not isinstance(pairs, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in pairs):
            raise InputError("the variant of a run must be pairs of an option and its value", repr(given))
        object.__setattr__(self, "variant", tuple(sorted((str(k), str(v)) for k, v in pairs)))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunKey:
        """Return the key that `to_dict` wrote."""
        known = {field.name for field in dataclasses.fields(cls)}
        if not set(data) <= known:
            raise InputError("a run key must have the parts featkit knows", ", ".join(sorted(set(data) - known)))
        return cls(**data)

    def to_dict(self) -> dict[str, Any]:
        """Return the parts that are set, JSON-ready."""
        parts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        parts["variant"] = dict(self.variant)
        return {name: value for name, value in parts.items() if value not in (None, {})}

    def only(self, *names: str) -> RunKey:
        """Return the key of these parts alone: what the runs that share them have in common."""
        return RunKey(**{name: getattr(self, name) for name in names})

    def without(self, *names: str) -> RunKey:
        """Return the key with these parts left open."""
        plain = RunKey()
        return dataclasses.replace(self, **{name: getattr(plain, name) for name in names})

    def matches(self, **parts: object) -> bool:
        """Return whether every named part has the given value."""
        return all(getattr(self, name) == value for name, value in parts.items())

    def label(self, among: Iterable[RunKey] = ()) -> str:
        """Return the key in words, for people.

        Parameters
        ----------
        among : iterable of RunKey
            The keys it is shown with: parts that are the same in all of them are left out, the method apart.
        """
        others = [key for key in among if key != self]
        parts = {"method": self.method, "model": self.model, "fold": self.fold}
        parts["seed"] = None if self.seed is None else f"seed {self.seed}"
        parts["positive"] = f"{self.positive} against the rest" if self.positive else None
        shown = {
            name: text
            for name, text in parts.items()
            if text and (name == "method" or not others or any(getattr(k, name) != getattr(self, name) for k in others))
        }
        own = dict(self.variant)
        different = [k for k in own if not others or any(dict(o.variant).get(k) != own[k] for o in others)]
        head = " ".join(shown.pop(name) for name in ("method", "model") if name in shown)
        words = [head, *shown.values(), *(f"{k} {own[k]}" for k in different)]
        return ", ".join(word for word in words if word) or "all"

    def file_name(self) -> str:
        """Return a file name, without ending, that stands for this key alone: ``method=grl,fold=100X,seed=0``.

        Where all of it would not fit into the name of a file, a hash stands for the end.
        """
        parts = self.to_dict()
        variant = parts.pop("variant", {})
        name = ",".join(f"{k}={escaped_name(str(v))}" for k, v in (parts | variant).items()) or "all"
        if len(name) <= _LONGEST:
            return name
        return f"{name[: _LONGEST - 17]}~{sha256(name.encode()).hexdigest()[:16]}"

    def sort_key(self) -> tuple[Any, ...]:
        """Return a key that sorts runs by method, model, class, fold and seed, in natural order."""
        texts = (self.method, self.model, self.positive, self.fold)
        read = tuple((text is not None, natural_key(text or "")) for text in texts)
        return (*read, -1 if self.seed is None else self.seed, self.variant)


@dataclasses.dataclass(frozen=True)
class RunFilter:
    """Which runs a command works on; what is None is not asked about.

    Parameters
    ----------
    method, fold : str or sequence of str, optional
        Training methods and held-out parts.
    seed : int or sequence of int, optional
        Training seeds, 0 or more.

    Examples
    --------
    >>> RunFilter(fold="100X").matches(RunKey("grl", "100X", 0))
    True
    """

    method: str | tuple[str, ...] | None = None
    fold: str | tuple[str, ...] | None = None
    seed: int | tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_seeds(self.seed if isinstance(self.seed, list | tuple) else () if self.seed is None else (self.seed,))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                several = value if isinstance(value, list | tuple) else (value,)
                if field.name != "seed" and not all(isinstance(one, str) for one in several):
                    raise InputError(f"a {field.name} must be asked for by its name", repr(value), "Use text")
                object.__setattr__(self, field.name, tuple(dict.fromkeys(several)) or None)

    @property
    def folds(self) -> tuple[str, ...] | None:
        """The folds asked for, in the order given; None for all."""
        return self.fold  # type: ignore[return-value]

    def matches(self, key: RunKey) -> bool:
        """Return whether a run is asked for; a part that the run leaves open (an encoder of all folds) matches."""
        return all(
            wanted is None or getattr(key, name) is None or getattr(key, name) in wanted
            for name, wanted in vars(self).items()
        )

    def __str__(self) -> str:
        asked = [f"{name} {' or '.join(map(str, wanted))}" for name, wanted in vars(self).items() if wanted is not None]
        return ", ".join(asked) or "all runs"


def label_of(name: RunKey | str, among: Iterable[RunKey | str] = ()) -> str:
    """Return a run's label, or the name itself where results are of named things rather than of runs.

    Parameters
    ----------
    name : RunKey or str
        What to name.
    among : iterable of RunKey or str
        What it is shown with.
    """
    if isinstance(name, str):
        return name
    return name.label(among=[other for other in among if isinstance(other, RunKey)])
