"""Result objects made by hand, as the floors below would make them."""

import dataclasses
import types

import numpy as np
import pytest

from featkit.core.run_key import RunKey
from featkit.reporting.study_results import StudyResults
from featkit.results.audit import SplitAudit
from featkit.results.by_run import ByRun
from featkit.results.calibration import BrierParts, RecalibrationEffect, ReliabilityCurve
from featkit.results.comparison import Comparison, ComparisonRow
from featkit.results.estimate import Estimate
from featkit.results.evaluation import Curve, Evaluation, EvaluationRow
from featkit.results.evaluation_set import BrierTerms, EvaluationSet
from featkit.results.overlap import OverlapResult
from featkit.results.path import PathResult
from featkit.results.probe import ProbeResult
from featkit.results.refit import ContributionResult, PerformanceCurve, RefitResult
from featkit.results.signature import Signature
from featkit.results.signature_detail import SignatureDetail
from featkit.results.signature_set import SignatureSet
from featkit.results.size import SizeCurve
from featkit.results.variance_components import VarianceComponents
from featkit.results.variance_decomposition import VarianceDecomposition

FOLDS = ("40X", "100X", "200X", "400X")


def estimate(value, half=0.03, n_units=23):
    return Estimate(value, value - half, value + half, 0.95, "logit-t", 2000, "patient", n_units)


def decomposition(k=25, seed=0):
    rng = np.random.default_rng(seed)
    sources = ("label", "patient", "domain", "domain_by_patient", "residual")
    shares = rng.dirichlet([2, 4, 1, 1, 6], size=k)
    if k:
        shares[0] = np.nan
    return VarianceDecomposition(
        dimension=np.sort(rng.choice(512, size=k, replace=False)),
        sources=sources,
        shares=shares,
        chance=np.array([0.001, 0.05, 0.004, 0.1, 0.845]),
        degrees_of_freedom=np.array([1, 22, 3, 66, 400]),
        domain_alone=rng.random(k),
        label_p_value=rng.random(k),
        domain_p_value=rng.random(k),
        coefficient=rng.normal(size=k),
        selection_frequency=np.full(k, np.nan),
        n_patches=493,
        n_patients=23,
    )


def model(method, model="signature", **parts):
    """The key of one model over its folds."""
    return RunKey(method, model=model, **parts)


def comparison(folds=FOLDS, pairs=None, metrics=("auc", "brier"), half=0.05, seed=0, verdict="not distinguishable"):
    pairs = pairs or ((model("grl"), model("baseline")),)
    rng = np.random.default_rng(seed)
    rows = []
    for a, b in pairs:
        for metric in metrics:
            scopes = [("all folds", "pooled"), ("all folds", "mean of folds"), *((f, "fold") for f in folds)]
            for scope, aggregation in scopes:
                d = float(rng.normal(0.01, 0.03))
                rows.append(
                    ComparisonRow(
                        a=a,
                        b=b,
                        metric=metric,
                        scope=scope,
                        aggregation=aggregation,
                        value_a=0.9 + d,
                        value_b=0.9,
                        difference=estimate(d, half),
                        p_value=0.4,
                        p_adjusted=0.8,
                        n_family=4,
                        n_permutations=9999,
                        is_exact=False,
                        p_naive=0.2,
                        margin=float("nan"),
                        p_equivalence=float("nan"),
                        margin_needed=0.06,
                        n_patients_needed=480.0,
                        verdict=verdict,
                    )
                )
    a, b = pairs[0]
    names = tuple(dict.fromkeys(name for pair in pairs for name in pair))
    key = RunKey(
        model=getattr(a, "model", None), positive=getattr(a, "positive", None), variant={"a": str(a), "b": str(b)}
    )
    notes = ("folds share patients",)
    return Comparison(names, tuple(rows), 1820, 23, 0.95, "holm", 0, notes, key=key)


def overlap(names=FOLDS, seed=0, is_empty=False):
    k, rng = len(names), np.random.default_rng(seed)
    sizes = rng.integers(40, 90, size=k)
    observed = np.full((k, k), 0.35) + 0.2 * rng.random((k, k))
    observed = (observed + observed.T) / 2
    np.fill_diagonal(observed, 1.0)
    chance = np.full((k, k), 0.12)
    corrected = (observed - chance) / (1 - chance)
    if is_empty:
        sizes[0] = 0
        for values in (observed, chance, corrected):
            values[0, :] = values[:, 0] = np.nan
    return OverlapResult(
        names=tuple(names),
        measure="jaccard",
        sizes=sizes,
        n_dimensions=512,
        n_candidates=np.full(k, 500),
        intersection=np.full((k, k), 20),
        observed=observed,
        chance=chance,
        corrected=corrected,
        p_value=np.full((k, k), 0.01),
        p_method="exact",
        n_draws=0,
    )


def path(n_dimensions=200, n_lambdas=40, seed=0):
    rng = np.random.default_rng(seed)
    lambdas = np.geomspace(0.3, 0.003, n_lambdas)
    strength = np.sort(rng.exponential(0.08, size=n_dimensions))[::-1]
    sign = rng.choice([-1, 1], size=n_dimensions)
    dense = sign * np.maximum(strength[None] * 4 - lambdas[:, None] * 3, 0) * (strength > 0.02)
    parts = [np.flatnonzero(row) for row in dense]
    is_converged = np.ones(n_lambdas, dtype=bool)
    is_converged[-2:] = False
    return PathResult(
        lambdas=lambdas,
        indptr=np.concatenate([[0], np.cumsum([p.size for p in parts])]),
        indices=np.concatenate(parts),
        values=np.concatenate([row[p] for row, p in zip(dense, parts)]),
        intercepts=np.zeros(n_lambdas),
        losses=np.linspace(0.69, 0.1, n_lambdas),
        gaps=np.full(n_lambdas, 1e-6),
        n_iter=np.full(n_lambdas, 4),
        is_converged=is_converged,
        null_loss=0.69,
        tolerance=1e-4,
        l1_ratio=1.0,
        total_weight=500.0,
        n_rows=500,
        n_dimensions=n_dimensions,
        entrants=np.unique(np.concatenate(parts)),
    )


def multinomial_path(n_dimensions=50, n_lambdas=20, n_classes=3):
    plain = path(n_dimensions, n_lambdas)
    return dataclasses.replace(
        plain,
        classes=tuple("abcdefgh"[:n_classes]),
        values=plain.values[:, None] * np.linspace(-1, 1, n_classes),
        intercepts=np.zeros((n_lambdas, n_classes)),
    )


def frequencies(n_dimensions=512, seed=0):
    rng = np.random.default_rng(seed)
    frequency = np.where(rng.random(n_dimensions) < 0.4, rng.beta(0.6, 3.5, size=n_dimensions), 0.0)
    frequency[:14] = rng.uniform(0.75, 1.0, size=14)
    return frequency


def signature(n_dimensions=512, size=45, seed=0, has_stability=True, key=RunKey("grl", "100X", model="signature")):
    rng = np.random.default_rng(seed)
    lambdas = np.geomspace(0.3, 0.003, 40)
    frequency = frequencies(n_dimensions, seed) if has_stability else np.zeros(0)
    return Signature(
        support=np.sort(rng.choice(n_dimensions, size=size, replace=False)),
        coefficients=rng.normal(size=size),
        intercept=0.1,
        mean=np.zeros(size),
        scale=np.ones(size),
        lambda_=0.02,
        rule="1se",
        gap=1e-6,
        relative_gap=1e-6,
        is_converged=True,
        n_dimensions=n_dimensions,
        n_dead=12,
        path_lambdas=lambdas,
        path_sizes=np.linspace(0, 140, 40).astype(int),
        cv_mean=0.35 + 0.4 * (np.log(lambdas / 0.015)) ** 2 / 12,
        cv_se=np.full(40, 0.03),
        selection_frequency=frequency,
        threshold=0.75 if has_stability else float("nan"),
        q=30.0,
        pfer=1.0 if has_stability else float("nan"),
        bound="unimodal" if has_stability else "",
        stable_support=np.flatnonzero(frequency >= 0.75),
        n_patients=40,
        n_patches=2100,
        seed=0,
        key=key,
    )


def size_curve():
    lambdas = np.geomspace(0.3, 0.003, 30)
    base = np.linspace(0, 150, 30).astype(int)
    sizes = np.stack([base + np.linspace(0, 25, 30).astype(int), base + np.linspace(0, 4, 30).astype(int), base])
    converged = np.ones((3, 30), dtype=bool)
    converged[2, -3:] = False
    return SizeCurve(
        lambdas=lambdas,
        tolerances=np.array([1e-2, 1e-4, 1e-8]),
        sizes=sizes,
        gaps=np.ones((3, 30)) * 1e-5,
        is_converged=converged,
        agreement=np.ones((3, 30)),
        settled_tolerance=np.full(30, 1e-4),
        chosen={"min": 0.008, "1se": 0.03},
        chosen_sizes={"min": np.array([90, 80, 78]), "1se": np.array([50, 45, 45])},
        thresholds=np.linspace(0.5, 1, 26),
        threshold_sizes=np.linspace(60, 3, 26).astype(int),
        n_dimensions=512,
        n_patches=2100,
    )


def performance_curve(shift=0.0):
    sizes = np.array([1, 2, 5, 10, 20, 50, 100, 200])
    auc = 0.95 - 0.25 / np.sqrt(sizes) + shift
    fields = {"auc": auc, "f1": auc - 0.02, "brier": 0.3 - 0.2 * auc}
    fields |= {
        f"{m}_{end}": v + (0.04 if end == "high" else -0.04) for m, v in dict(fields).items() for end in ("low", "high")
    }
    return PerformanceCurve("path entry", sizes, level=0.95, ridge_c=np.ones(8), n_test_patients=23, **fields)


def probe(target="magnification", value=0.62, chance=0.25, seed=0, half=0.06):
    rng = np.random.default_rng(seed)
    null = {"balanced_accuracy": rng.normal(chance, 0.02, size=200)}
    return ProbeResult(
        target=target,
        column="magnification" if target == "patient" else target,
        design="patients of the test folds never seen in training",
        regime="all",
        patches="patients the encoder was not trained on, every magnification",
        model="linear",
        classes=FOLDS,
        n_patches=2100,
        n_patients=40,
        n_dimensions=512,
        metrics={"balanced_accuracy": estimate(value, half)},
        chance={"balanced_accuracy": chance},
        null=null,
        p_value={"balanced_accuracy": 1 / 201},
        headline="balanced_accuracy",
        tested="balanced_accuracy",
        per_class={},
        seed=0,
    )


def audit(domains=FOLDS):
    counts = [
        {"role": role, "label": label, "domain": domain, "n_patches": n * (1 + i), "n_patients": p}
        for i, domain in enumerate(domains)
        for label, n, p in (("benign", 90, 8), ("malignant", 210, 27))
        for role in ("train", "val", "test", "unused")
        if (role == "test") == (domain == domains[-1]) or role == "unused"
    ]
    return SplitAudit(
        fold=domains[-1] if domains else "",
        domain="magnification",
        patient="patient",
        seed=0,
        n_patches={"train": 2100, "val": 400, "test": 520, "unused": 4889},
        n_patients={"train": 40, "val": 8, "test": 22, "unused": 70},
        counts=tuple(counts),
    )


def reliability(seed=0, bend=0.1):
    rng = np.random.default_rng(seed)
    forecast = np.linspace(0.03, 0.97, 10)
    observed = np.clip(forecast + bend * np.sin(2 * np.pi * forecast) + rng.normal(0, 0.02, 10), 0, 1)
    n_patches = (60 + 900 * np.abs(forecast - 0.5) ** 2).astype(int)
    low, high = np.clip(observed - 0.12, 0, 1), np.clip(observed + 0.12, 0, 1)
    low[4] = high[4] = np.nan
    return ReliabilityCurve(
        forecast, observed, low, high, n_patches, np.full(10, 20), 0.95, "percentile", 2000, "patient", "width"
    )


def roc(seed=0, lift=3.0):
    x = np.linspace(0, 1, 101)
    y = np.sort(1 - (1 - x) ** (lift + seed))
    return Curve("roc", x, y, np.clip(y - 0.08, 0, 1), np.clip(y + 0.05, 0, 1), 0.95, 2000, "patient", 23)


def variance():
    parts = {"seed": 0.0004, "split": 0.0010, "patient": 0.0050, "residual": 0.0008}
    total = sum(parts.values())
    return VarianceComponents(
        quantity="auc",
        mean=estimate(0.91),
        mean_over_seeds=estimate(0.91, n_units=5),
        components=parts,
        shares={k: v / total for k, v in parts.items()},
        n_levels={"seed": 5, "split": 4, "patient": 23},
        n_values=460,
        method="reml",
        is_converged=True,
    )


METRICS = ("auc", "f1", "balanced_accuracy", "recognition_rate", "brier", "ece", "calibration_slope")


def evaluation(folds=("40X", "100X"), shift=0.0, classes=("benign", "malignant"), key=RunKey()):
    """Metrics are 0.6 as the mean of folds and in each fold, and 0.1 higher pooled."""
    scopes = [("all", "pooled"), *([("all", "mean of folds")] if len(folds) > 1 else []), *(("fold", f) for f in folds)]
    rows = tuple(
        EvaluationRow(
            scope,
            name,
            m,
            Estimate(0.6 + shift + 0.1 * (name == "pooled" and len(folds) > 1), 0.5, 0.8, n_units=23),
            0.5,
        )
        for scope, name in scopes
        for m in METRICS
    )
    names = ("pooled", *folds)
    curves, bins = dict.fromkeys(names, roc()), dict.fromkeys(names, reliability())
    return Evaluation(rows, (), curves, bins, classes, 0.5, 15, "training labels", "cohort", "patch", 0, key=key)


HEADS = (model("baseline", "head"), model("grl", "head"))


def evaluated(folds=("40X", "100X"), keys=HEADS):
    parts = BrierParts(0.2, 0.03, 0.08, 0.25, 0.01, 0.01, 0.02, 0.07, 0.25, 10, 100)
    before = {"brier": Estimate(0.2, 0.1, 0.3), "ece": Estimate(0.1, 0.05, 0.2)}
    change = {"brier": Estimate(-0.02, -0.03, -0.01), "ece": Estimate(-0.0, -0.1, 0.1)}
    effect = RecalibrationEffect({"none": before, "platt": before}, {"platt": change}, {"platt": {}}, 9, 90)
    held_out = {k: [dataclasses.replace(k, fold=fold) for fold in folds] for k in keys}
    return EvaluationSet(
        evaluations=ByRun((k, evaluation(folds, 0.1 * (k.method == "grl"), key=k)) for k in keys),
        recalibrations=ByRun((k, effect) for own in held_out.values() for k in own),
        brier_terms=ByRun((k, BrierTerms(parts, 0.03, 0.08)) for one in keys for k in (one, *held_out[one])),
        variance=ByRun({dataclasses.replace(keys[0], seed=None, variant={"quantity": "AUC"}): variance()}),
    )


def signatures(folds=("40X", "100X"), methods=("baseline", "grl"), is_deep=True, positive=None, seeds=(None,), size=45):
    rng = np.random.default_rng(0)
    keys = [RunKey(m, f, s, "signature", positive) for m in methods for f in folds for s in seeds]
    found = ByRun((key, signature(key=key, size=size)) for key in keys)
    details = {}
    for key, one in found.items():
        k = one.support
        scores = {m: Estimate(0.8, 0.7, 0.9) for m in ("auc", "f1", "brier")}
        missing = {m: Estimate(float("nan")) for m in scores}
        refit = RefitResult(k, missing, scores, True, False, 1.0, k * np.nan, k * 1.0, 90, 40, 9, 8, ("separable",))
        drops = {f"{m}{e}": rng.random(k.size) for m in ("auc_drop", "brier_rise") for e in ("", "_low", "_high")}
        counts = {"auc": 0.8, "brier": 0.2, "level": 0.95, "ridge_c": 1.0, "n_test_patients": 8, "n_draws": 9}
        extra = {"refit": refit, "performance": performance_curve(), "variance": decomposition()}
        extra["contributions"] = ContributionResult(k, **counts, **drops)
        details[key] = SignatureDetail(path(), size_curve(), **extra)
    groups = {RunKey(m, positive=positive): [k for k in keys if k.method == m] for m in methods}
    groups[RunKey(positive=positive)] = keys
    return SignatureSet(
        found,
        ByRun((key, evaluation((key.fold,), key=key)) for key in keys),
        ByRun((group, overlap(tuple(own))) for group, own in groups.items() if len(own) > 1),
        details=ByRun(details if is_deep else {}),
        key=RunKey(positive=positive),
    )


def study(domain="magnification", **parts):
    return StudyResults(title="t", facts={}, domain=domain, **parts)


BUILDERS = {
    "estimate": estimate,
    "decomposition": decomposition,
    "comparison": comparison,
    "overlap": overlap,
    "path": path,
    "signature": signature,
    "frequencies": frequencies,
    "model": model,
    "evaluation": evaluation,
    "evaluated": evaluated,
    "signatures": signatures,
    "study": study,
    "size_curve": size_curve,
    "performance_curve": performance_curve,
    "probe": probe,
    "multinomial_path": multinomial_path,
    "audit": audit,
    "reliability": reliability,
    "roc": roc,
    "variance": variance,
}


@pytest.fixture(scope="session")
def make():
    """Builders of result objects."""
    return types.SimpleNamespace(**BUILDERS, FOLDS=FOLDS)
