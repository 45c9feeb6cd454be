"""What all option objects promise."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any, Self

from featkit.core.errors import InputError, did_you_mean
from featkit.core.structure import check_value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Base of the option objects: frozen, keyword-only, checked when made.

    Types are checked against the annotations (lists become tuples), choices against ``Literal``. A subclass overrides
    `check` for ranges and for what goes together. None is the one word for "not set".
    """

    def __post_init__(self) -> None:
        hints = typing.get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not (dataclasses.is_dataclass(hints[field.name]) and isinstance(value, hints[field.name])):
                object.__setattr__(self, field.name, check_value(value, hints[field.name], field.name))
        self.check()

    def check(self) -> None:
        """Refuse values out of range."""

    def with_given(self, **given: Any) -> Self:
        """Return a copy with the values that are not None, as the shell passes what was typed.

        Raises
        ------
        InputError
            If there is no such option, or a value is refused.
        """
        known = {field.name for field in dataclasses.fields(self)}
        for name in given:
            if name not in known:
                raise InputError(f"{type(self).__name__} must know the option", repr(name), did_you_mean(name, known))
        return dataclasses.replace(self, **{name: value for name, value in given.items() if value is not None})

    def require(self, name: str, must: str, is_so: bool, fix: str = "") -> None:
        """Refuse the value of ``name`` unless ``is_so``."""
        if not is_so:
            raise InputError(f"{name} must be {must}", getattr(self, name), fix)
