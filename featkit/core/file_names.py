"""Names of folds, methods and classes as names of files: reversible, and distinct where case is ignored."""

from __future__ import annotations

import re

from featkit.core.errors import InputError

_LONGEST = 200  # bytes; file systems allow 255, and endings need some
_LETTER = re.compile(r"[A-Za-z]")
_PLAIN = re.compile(r"[0-9._-]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names on Windows
_TOKEN = re.compile(r"%([0-9a-f]{2})|\+|(?<=\d)X|[a-z0-9._-]")


def file_name(name: str) -> str:
    """Return a file name that stands for ``name`` alone, on any file system.

    Digits, ``-``, ``_`` and ``.`` stand for themselves, and letters too, in small; ``+`` switches between small letters
    and capitals, so that names differ where case is ignored. An X after a digit stays as it is, because most folds are
    printed magnifications ("100X"), and a small one there is escaped. Everything else is ``%`` and two hexadecimal
    digits per UTF-8 byte.

    Parameters
    ----------
    name : str
        Any text that is not empty.

    Returns
    -------
    str
        At most 200 characters; `original_name` reads it back.

    Raises
    ------
    InputError
        If the name is empty or too long for a file system.

    Examples
    --------
    >>> file_name("100X"), file_name("H/E"), file_name("MIDOG21"), file_name("Site 2")
    ('100X', '+h%2fe', '+midog21', '+s+ite%202')
    """
    written = escaped_name(name)
    if len(written) > _LONGEST:
        text = str(name)
        shown = f"{text[:40]!r}... of {len(text)} characters"
        raise InputError("a name must fit into the name of a file", shown, "Use a shorter name")
    return written


def escaped_name(name: str) -> str:
    """Return what `file_name` writes, however long it is: for names that are shortened as a whole.

    Raises
    ------
    InputError
        If the name is empty.

    Examples
    --------
    >>> escaped_name("a/b")
    'a%2fb'
    """
    text = str(name)
    parts, is_capital = [], False
    for i, character in enumerate(text):
        if character in "xX" and text[i - 1 : i].isdecimal() and text[i - 1].isascii():
            parts.append("X" if character == "X" else _escaped("x"))
        elif _LETTER.fullmatch(character):
            parts.append(("" if character.isupper() == is_capital else "+") + character.lower())
            is_capital = character.isupper()
        else:
            parts.append(character if _PLAIN.fullmatch(character) else _escaped(character))
    if parts and _RESERVED.fullmatch("".join(parts)):
        parts[0] = _escaped(text[0])
    for end in (0, -1):
        if parts and parts[end] == ".":  # hidden on Unix, dropped on Windows
            parts[end] = _escaped(".")
    written = "".join(parts)
    if not written:
        raise InputError("a name must not be empty", repr(name), "Name every fold, method and class")
    return written


def original_name(written: str) -> str:
    """Return the name that `file_name` wrote.

    Raises
    ------
    InputError
        If ``written`` is not a name that `file_name` makes.
    """
    parts, end, is_capital = [], 0, False
    for token in _TOKEN.finditer(written):
        if token.start() != end:
            break
        end = token.end()
        if token[0] == "+":
            is_capital = not is_capital
        elif token[1]:
            parts.append(bytes([int(token[1], 16)]))
        else:
            parts.append((token[0].upper() if is_capital else token[0]).encode())
    try:
        name = b"".join(parts).decode("utf-8") if end == len(written) else ""
    except UnicodeDecodeError:
        name = ""
    if not name or file_name(name) != written:
        raise InputError("the name of a file must be one that featkit writes", repr(written))
    return name


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
