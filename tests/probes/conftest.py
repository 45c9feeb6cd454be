import numpy as np
import pytest

from featkit.core.options.probe import ProbeOptions
from featkit.core.options.resampling import Resampling
from featkit.probes import ProbeRows, probe_of

FAST = {"n_permutations": 49, "n_draws": 200, "n_controls": 2}
IN_RESAMPLING = ("n_draws", "level", "method", "seed")


@pytest.fixture
def cohort():
    """Patches of patients at several magnifications, with what is planted for magnification, patient and class."""

    def make(seed, *, n_patients=24, per_cell=4, n_domains=3, d=10, domain=0.0, patient=0.0, label=0.0):
        random = np.random.default_rng(seed)
        who = np.repeat(np.arange(n_patients), per_cell * n_domains)
        place = np.tile(np.repeat(np.arange(n_domains), per_cell), n_patients)
        kind = who % 2
        X = random.normal(size=(len(who), d))
        X += domain * random.normal(size=(n_domains, d))[place]
        X += patient * random.normal(size=(n_patients, d))[who]
        X += label * random.normal(size=(2, d))[kind]
        names = np.array(["40X", "100X", "200X", "400X"])
        return {
            "X": X.astype(np.float32),
            "column": names[place],
            "groups": np.array([f"case {w}" for w in who]),
            "label": np.array(["benign", "malignant"])[kind],
        }

    return make


@pytest.fixture
def probed():
    """Run the probe of a target on rows, with options and resampling as keywords."""

    def run(target, data, **given):
        given = {**FAST, **given}
        resampling = Resampling(**{k: v for k, v in given.items() if k in IN_RESAMPLING})
        options = ProbeOptions(**{k: v for k, v in given.items() if k not in IN_RESAMPLING})
        if target not in ("patient", "magnification"):
            options = options.with_given(column=target)
        return probe_of(target)(ProbeRows(**data), options, resampling)

    return run
