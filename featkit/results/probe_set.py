"""Probes of several runs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from featkit.results.base import Result
from featkit.results.by_run import ByRun
from featkit.results.probe import ProbeResult

if TYPE_CHECKING:
    import polars as pl


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ProbeSet(Result):
    """What ``featkit probe`` finds.

    Parameters
    ----------
    probes : ByRun of ProbeResult
        By method, fold and seed; the variant says what was read, and how where that differs from the plain probe.
    """

    probes: ByRun[ProbeResult]

    def frame(self) -> pl.DataFrame:
        """Return the frames of all probes below each other, with the run's method, fold and seed first."""
        import polars as pl

        frames = []
        for key, result in self.probes.items():
            named = [pl.lit(getattr(key, n), dtype=pl.String).alias(n) for n in ("method", "fold")]
            named.append(pl.lit(key.seed, dtype=pl.Int64).alias("seed"))
            frames.append(result.frame().select(*named, pl.all()))
        return pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()

    def summary(self) -> str:
        """Return what was read from which runs."""
        targets = ", ".join(dict.fromkeys(result.target for result in self.probes.values()))
        return f"{targets} read from {len(self.probes)} runs"
