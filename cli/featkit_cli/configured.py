"""The options a command starts from: those of the workspace, or the defaults outside of one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from featkit.core.config import Config
    from featkit.core.options import SplitOptions
    from featkit.core.run_key import RunFilter


def configured(store: Path | None = None) -> Config:
    """Return the configuration of the workspace that holds the store, or the current folder; else the defaults."""
    from featkit.core.config import Config
    from featkit.core.workspace import Workspace

    found = Workspace.find(None if store is None else store.parent)
    return found.config if found is not None else Config()


def design(
    store: Path | None, config: Config, *, domain: str | None = None, test_fraction: float | None = None
) -> SplitOptions | None:
    """Return the study design that was typed, over the configured one; None where nothing was typed."""
    if domain is None and test_fraction is None:
        return None
    chosen = config.split
    if domain is None and store is not None:
        from featkit.store import open_store

        domain = open_store(store).provenance.get("domain")
    return chosen.with_given(domain=domain, test_fraction=test_fraction)


def chosen_runs(method: list[str] | None, fold: list[str] | None, seed: list[int] | None) -> RunFilter:
    """Return the runs that were typed; all of them where nothing was."""
    from featkit.core.run_key import RunFilter

    return RunFilter(tuple(method or ()), tuple(fold or ()), tuple(seed or ()))
