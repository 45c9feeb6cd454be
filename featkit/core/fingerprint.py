"""What a result was made from, so that what is finished is not done again and what is stale is named."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from featkit.core.provenance import json_sha256


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """The estimator, inputs and options a result was made with. Two that are equal give the same result.

    Parameters
    ----------
    estimator : str
        What computed it and in which version ("signature 2"): the version grows when a result would change.
    inputs : mapping of str to str
        Identifiers or hashes of what went in, by what they are of ("store", "split", ...).
    options : mapping of str to object
        Every option after defaults were filled in; JSON-ready values.
    """

    estimator: str
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("inputs", "options"):
            plain = json.loads(json.dumps(_plain(getattr(self, name)), sort_keys=True))
            object.__setattr__(self, name, plain)

    @property
    def sha256(self) -> str:
        """One hash of all of it."""
        return json_sha256(self.to_dict())

    def changes(self, now: Fingerprint) -> tuple[str, ...]:
        """Return what differs ``now``, in words for people; empty if nothing does."""
        found = ["the version of featkit's method"] if self.estimator != now.estimator else []
        found += [f"the {name}" for name in _differing(self.inputs, now.inputs)]
        found += [f"the option {name}" for name in _differing(self.options, now.options)]
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fingerprint:
        """Return what `to_dict` wrote."""
        return cls(str(data["estimator"]), data["inputs"], data["options"])


def options_of(*objects: Any) -> dict[str, Any]:
    """Return the fields of option objects, one dict, JSON-ready; nested objects by dotted names.

    Examples
    --------
    >>> from featkit.core.run_key import RunFilter
    >>> options_of(RunFilter(fold="100X"))
    {'method': None, 'fold': ['100X'], 'seed': None}
    """
    found: dict[str, Any] = {}
    for one in objects:
        for field in dataclasses.fields(one):
            value = getattr(one, field.name)
            if dataclasses.is_dataclass(value):
                found |= {f"{field.name}.{k}": v for k, v in options_of(value).items()}
            else:
                found[field.name] = _plain(value)
    return found


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
