"""What a result came from: versions, hashes, machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
from functools import cache
from pathlib import Path
from typing import Any

import featkit

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "polars", "zarr", "anndata", "numba", "torch", "timm")


@cache
def versions() -> dict[str, str]:
    """Return the versions of featkit, Python and the installed libraries that shape results."""
    found = {"featkit": featkit.__version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


@cache
def code_hash() -> str:
    """Return a SHA-256 over featkit's own source, so that two development versions differ."""
    root = Path(featkit.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def environment() -> dict[str, Any]:
    """Return versions, code hash and platform as a JSON-ready dict."""
    return {
        "versions": versions(),
        "code_sha256": code_hash(),
        "platform": f"{platform.system()} {platform.machine()}",
        "implementation": sys.implementation.name,
    }


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_sha256(value: Any) -> str:
    """Return the SHA-256 of a JSON-ready value, independent of key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
