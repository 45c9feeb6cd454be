"""Plain tables (TOML, JSON) into dataclasses: names and types of keys are checked, and the wrong one is named."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from featkit.core.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_LARGEST = 10**300  # whole numbers beyond are no floats
_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class _WrongKindError(Exception):
    """A value of another kind than its field."""

    def __init__(self, value: Any, must: str, fix: str = "", *, below: tuple[str, ...] = ()) -> None:
        super().__init__(must)
        self.value, self.must, self.fix, self.below = value, must, fix, below


def read_table(cls: type[T], table: Any, where: str) -> T:
    """Return the dataclass ``cls`` filled from ``table``.

    Parameters
    ----------
    cls : type
        A dataclass; keys that are not there keep their defaults.
    table : mapping
        What a file holds.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        If a key is unknown or a value of the wrong kind or out of range; the message names the key.
    """
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(table, cls)
    except (BaseValidationError, InputError, _WrongKindError) as error:
        raise _first_problem(error, (), where) from None


def check_value(value: Any, hint: Any, name: str) -> Any:
    """Return ``value`` as the type ``hint``, lists as tuples; refuse another kind by ``name``."""
    from cattrs.errors import BaseValidationError

    try:
        return _converter().structure(value, hint)
    except _WrongKindError as error:
        raise InputError(f"{name} must be {error.must}", repr(error.value), error.fix) from None
    except BaseValidationError as error:
        raise _first_problem(error, (), name) from None


@functools.cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(forbid_extra_keys=True)
    for kind in _KINDS:
        converter.register_structure_hook(kind, _plain_value)
    for is_one, make in (
        (dataclasses.is_dataclass, _table_hook),
        (_made_of(tuple), _list_hook),
        (_made_of(dict), _mapping_hook),
        (_made_of(typing.Literal), _choice_hook),
        (_made_of(types.UnionType, typing.Union), _union_hook),
    ):
        converter.register_structure_hook_factory(is_one, functools.partial(make, converter=converter))
    return converter


def _made_of(*origins: Any) -> Callable[[Any], bool]:
    return lambda hint: typing.get_origin(hint) in origins


def _plain_value(value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LARGEST:
        return float(value)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise _WrongKindError(value, _KINDS[kind])


def _table_hook(cls: Any, converter: Converter) -> Any:
    from cattrs.gen import make_dict_structure_fn

    fill = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)

    def structure(value: Any, hint: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise _WrongKindError(value, "a table")
        return fill(value, hint)

    return structure


def _list_hook(hint: Any, converter: Converter) -> Any:
    (inner, *_) = typing.get_args(hint)

    def structure(value: Any, _: Any) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise _WrongKindError(value, "a list")
        try:
            return tuple(converter.structure(v, inner) for v in value)
        except _WrongKindError as problem:
            raise _WrongKindError(problem.value, f"a list, each item {problem.must}", problem.fix) from None

    return structure


def _mapping_hook(hint: Any, converter: Converter) -> Any:
    (_, inner) = typing.get_args(hint)

    def structure(value: Any, _: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _WrongKindError(value, "a table")
        filled = {}
        for name, one in value.items():
            try:
                filled[str(name)] = converter.structure(one, inner)
            except _WrongKindError as problem:
                below = (str(name), *problem.below)
                raise _WrongKindError(problem.value, problem.must, problem.fix, below=below) from None
        return filled

    return structure


def _choice_hook(hint: Any, converter: Converter) -> Any:
    choices = typing.get_args(hint)

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, str | int) or value not in choices:
            names = [str(choice) for choice in choices]
            raise _WrongKindError(value, f"one of {', '.join(names)}", did_you_mean(str(value), names))
        return value

    return structure


def _union_hook(hint: Any, converter: Converter) -> Any:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)]

    def structure(value: Any, _: Any) -> Any:
        if value is None and len(kinds) < len(typing.get_args(hint)):
            return None
        problems = []
        for kind in kinds:
            try:
                return converter.structure(value, kind)
            except _WrongKindError as problem:
                problems.append(problem)
        must = dict.fromkeys(problem.must for problem in problems)
        raise _WrongKindError(value, " or ".join(must), problems[-1].fix)

    return structure


def _innermost(error: Exception) -> Any:
    """Return the first error in a group of groups that is none."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


def _first_problem(error: Exception, path: tuple[str, ...], where: str) -> InputError:
    """Return the first thing that is wrong, by the full name of its key."""
    from cattrs.errors import ClassValidationError, ForbiddenExtraKeysError

    if isinstance(error, ClassValidationError):
        within, others = error.group_exceptions()
        inner, below = (others[0], path) if others else (within[0][0], (*path, within[0][1].name))
        return _first_problem(inner, below, where)
    name = ".".join(path)
    error = _innermost(error)
    if isinstance(error, ForbiddenExtraKeysError):
        wrong = min(error.extra_fields)
        known = [field.name for field in dataclasses.fields(error.cl)]
        full = ".".join((*path, wrong))
        return InputError(f"every key in {where} must be known", repr(full), did_you_mean(wrong, known))
    if isinstance(error, _WrongKindError):
        name = ".".join((*path, *error.below))
        fix = error.fix or f"Correct {name or 'it'} there"
        return InputError(f"{name} in {where} must be {error.must}".strip(), repr(error.value), fix)
    return InputError(f"{where}, [{name}]: {error}" if name else f"{where}: {error}")
