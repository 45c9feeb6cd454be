"""JSON back into results: kinds and versions are checked, damage is one clear error."""

from __future__ import annotations

import dataclasses
import functools
import typing
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from featkit.core.errors import InputError
from featkit.core.fingerprint import Fingerprint
from featkit.core.run_key import RunKey
from featkit.results.base import Result, result_type
from featkit.results.by_run import ByRun

if TYPE_CHECKING:
    from cattrs import Converter

R = TypeVar("R", bound=Result)
_DAMAGE = (TypeError, ValueError, KeyError, AttributeError)


def decode_result(data: dict[str, Any], cls: type[R]) -> R:
    """Return the result that ``data`` holds, of type ``cls`` or a subclass.

    Raises
    ------
    InputError
        If ``data`` is another kind of result, another version of it, or does not hold its fields.
    """
    from cattrs.errors import BaseValidationError, StructureHandlerNotFoundError

    kind, version = data.get("kind"), data.get("version")
    found = result_type(kind)
    if found is None or not issubclass(found, cls):
        raise InputError(f"result must be of kind {cls.__name__}", kind, "Read it with the class that wrote it")
    if version != found.version:
        raise InputError(
            f"{kind} must be of version {found.version}", version, "Run the analysis again with this version"
        )
    try:
        return typing.cast(R, _fields(data, found))
    except InputError:
        raise
    except (BaseValidationError, StructureHandlerNotFoundError, *_DAMAGE) as error:
        inner: Exception = error
        while isinstance(inner, ExceptionGroup):
            inner = inner.exceptions[0]
        if isinstance(inner, InputError):
            raise inner from None
        fix = "It is damaged: delete it and run the analysis again"
        raise InputError(f"{kind} must hold its fields", f"{type(inner).__name__}: {inner}"[:160], fix) from None


def _fields(data: dict[str, Any], cls: type[Result]) -> Result:
    hints = _hints(typing.cast(Any, cls))
    given = {
        f.name: _converter().structure(data[f.name], hints[f.name]) for f in dataclasses.fields(cls) if f.name in data
    }
    return cls(**given)


@functools.cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(np.ndarray, lambda value, _: _array(value))
    converter.register_structure_hook(RunKey, lambda value, _: RunKey.from_dict(value))
    converter.register_structure_hook(Fingerprint, lambda value, _: Fingerprint.from_dict(value))
    converter.register_structure_hook(bool, _truth)
    converter.register_structure_hook(str, _text)
    converter.register_structure_hook_factory(_is_result, lambda hint: lambda value, _: decode_result(value, hint))
    converter.register_structure_hook_factory(_is_union, _union)
    converter.register_structure_hook_factory(_is_by_run, _by_run)
    converter.register_structure_hook_factory(lambda hint: hint is Any, lambda _: _anything)
    return converter


def _is_result(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Result)


def _is_union(hint: Any) -> bool:
    import types

    return typing.get_origin(hint) in (types.UnionType, typing.Union)


def _union(hint: Any) -> Any:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]

    def structure(value: Any, _: Any) -> Any:
        if value is None:
            return None
        return _converter().structure(value, next((k for k in kinds if _looks_like(value, k)), kinds[-1]))

    return structure


def _looks_like(value: Any, kind: Any) -> bool:
    """Return whether a JSON value can be of one kind out of several."""
    plain = typing.get_origin(kind) or kind
    if plain in (np.ndarray, tuple):
        return isinstance(value, list)
    if plain in (str, int, bool, float):
        return isinstance(value, plain) or (plain is float and isinstance(value, int | str))
    return isinstance(value, dict)


def _is_by_run(hint: Any) -> bool:
    return typing.get_origin(hint) is ByRun


def _by_run(hint: Any) -> Any:
    (inner,) = typing.get_args(hint)

    def structure(value: Any, _: Any) -> ByRun[Any]:
        return ByRun((RunKey.from_dict(one["key"]), _converter().structure(one["value"], inner)) for one in value)

    return structure


def _anything(value: Any, _: Any) -> Any:
    if isinstance(value, dict) and result_type(value.get("kind")) is not None:
        return decode_result(value, Result)
    return value


def _truth(value: Any, _: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is no truth value")
    return value


def _text(value: Any, _: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _array(value: Any) -> np.ndarray:
    flat = np.array(value, dtype=object).ravel()
    texts = [v for v in flat if isinstance(v, str)]
    if texts and set(texts) <= {"nan", "inf", "-inf"}:  # how JSON carries what it has no word for
        return np.array(value, dtype=object).astype(np.float64)
    return np.array(value)
