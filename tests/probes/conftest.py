import numpy as np
import pytest


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
            "domain": names[place],
            "groups": np.array([f"case {w}" for w in who]),
            "label": np.array(["benign", "malignant"])[kind],
        }

    return make
