"""A virtual specimen: structures and nuclei laid out in microns, before any camera looks at it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from featkit.core.seeds import rng
from featkit.tissue.noise import texture
from featkit.tissue.traits import Traits

SIDE = 1000.0
"""Width and height of a specimen in um."""
_HARMONICS = np.arange(2, 7)
_TURNS = 4096


@dataclasses.dataclass(frozen=True)
class Outline:
    """A closed curve around (x, y): an ellipse of mean ``radius`` with waves along it. Lengths in um.

    ``wall`` is the thickness of the epithelium inside the curve: what lies deeper is lumen; infinite where there is
    none. ``kind`` is "epithelium" or "fat".
    """

    x: float
    y: float
    radius: float
    stretch: float
    angle: float
    waves: np.ndarray
    phases: np.ndarray
    wall: float
    kind: str = "epithelium"

    @property
    def reach(self) -> float:
        """No point of the curve is further from the centre than this."""
        return self.radius * self.stretch * (1.0 + float(np.abs(self.waves).sum()))

    def depth(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how deep places lie inside the curve, in um (negative outside), to first order."""
        dx, dy = x - self.x, y - self.y
        c, s = np.cos(self.angle), np.sin(self.angle)
        u, v = (dx * c + dy * s) / self.stretch, (-dx * s + dy * c) * self.stretch
        return np.asarray(self.edge(np.arctan2(v, u)) - np.hypot(u, v))

    def edge(self, turn: np.ndarray) -> np.ndarray:
        """Return the curve's radius at angles ``turn`` of its own unstretched frame."""
        step = (np.asarray(turn) * (_TURNS / (2 * np.pi))).astype(np.intp) & (_TURNS - 1)
        return self._edges.take(step)

    @functools.cached_property
    def _edges(self) -> np.ndarray:
        turn = np.arange(_TURNS) * (2 * np.pi / _TURNS)
        bends = (self.waves * np.cos(np.multiply.outer(turn, _HARMONICS) + self.phases)).sum(axis=-1)
        return np.asarray(self.radius * (1.0 + bends), dtype=np.float32)

    def at(self, turn: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x, y and the outward direction of places ``depth`` um inside the curve at angles ``turn``."""
        r = np.maximum(self.edge(turn) - depth, 0.0)
        u, v = r * np.cos(turn) * self.stretch, r * np.sin(turn) / self.stretch
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.x + u * c - v * s, self.y + u * s + v * c, np.arctan2(v, u) + self.angle


@dataclasses.dataclass(frozen=True)
class Nuclei:
    """Ellipses with waves along their outline; all arrays are (n,) float32 and lengths are in um.

    Parameters
    ----------
    x, y, a, b, angle : (n,) arrays
        Centre, half axes, direction of ``a`` in radians.
    density : (n,) array
        Hematoxylin, relative to the patient's.
    irregularity, chromatin, nucleolus, cytoplasm : (n,) arrays
        Relative amplitude of the outline's waves and of the texture inside, radius of the nucleolus (0 for none), and
        half width of the rim of cytoplasm the nucleus brings with it (0 for none).
    """

    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    angle: np.ndarray
    density: np.ndarray
    irregularity: np.ndarray
    chromatin: np.ndarray
    nucleolus: np.ndarray
    cytoplasm: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray) -> Nuclei:
        """Return the nuclei of ``rows`` (indices or mask)."""
        return Nuclei(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))

    @staticmethod
    def joined(parts: list[Nuclei]) -> Nuclei:
        """Return all nuclei of ``parts``."""
        names = [f.name for f in dataclasses.fields(Nuclei)]
        return Nuclei(*(np.concatenate([getattr(p, n) for p in parts]).astype(np.float32) for n in names))


@dataclasses.dataclass(frozen=True)
class Specimen:
    """A square of tissue, `SIDE` um wide.

    Parameters
    ----------
    traits : Traits
        The patient's.
    outlines : tuple of Outline
        Epithelial structures and fat cells.
    nuclei : Nuclei
        All of them.
    n_epithelial : int
        The first so many nuclei are epithelial; the others are stromal cells and lymphocytes.
    grain : float
        Tells this specimen's textures from another's.
    direction : float
        Of the collagen fibres, in radians.
    """

    traits: Traits
    outlines: tuple[Outline, ...]
    nuclei: Nuclei
    n_epithelial: int
    grain: float
    direction: float

    def bend(self, smooth: Callable[[float, float], np.ndarray]) -> np.ndarray:
        """Return by how many um fibres are bent aside, from a source of textures (of wavelength and offset)."""
        return 16.0 * smooth(180.0, self.grain) + 4.0 * smooth(38.0, self.grain + 1)

    def fibres(self, x: np.ndarray, y: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coordinates of places along and across the collagen fibres, in um."""
        c, s = np.cos(self.direction), np.sin(self.direction)
        return x * c + y * s, y * c - x * s + bend


def grow(traits: Traits, number: int, seed: int) -> Specimen:
    """Return the specimen of virtual patient ``number``."""
    random = rng(seed, "specimen", number)
    grain, direction = float(random.uniform(0, 400)), float(random.uniform(0, np.pi))
    ground = _Ground()
    outlines = (*_fat(traits, random, ground), *_structures(traits, random, ground))
    nobody = _cells(traits, random, np.zeros(0), np.zeros(0))
    empty = Specimen(traits, outlines, nobody, 0, grain, direction)
    parts = [
        _lining(traits, random, o) if np.isfinite(o.wall) else _filling(traits, random, o)
        for o in outlines
        if o.kind == "epithelium"
    ]
    if traits.label == "malignant":
        parts.append(_outside(_files(empty, random), empty.outlines))
    n_epithelial = sum(len(p) for p in parts)
    parts += [
        _outside(_fibroblasts(empty, random), empty.outlines),
        _outside(_lymphocytes(empty, random), empty.outlines),
    ]
    return dataclasses.replace(empty, nuclei=Nuclei.joined(parts), n_epithelial=n_epithelial)


def _outline(random: np.random.Generator, centre: tuple[float, float], radius: float, shape: _Shape) -> Outline:
    waves = shape.wobble * random.standard_normal(len(_HARMONICS)) / (_HARMONICS - 1)
    phases = random.uniform(0, 2 * np.pi, len(_HARMONICS))
    angle, stretch = float(random.uniform(0, np.pi)), float(np.sqrt(shape.stretch))
    return Outline(*centre, radius, stretch, angle, waves, phases, shape.wall, shape.kind)


@dataclasses.dataclass(frozen=True)
class _Shape:
    """What sets the outlines of one kind apart: stretch, strength of the waves, wall in um, kind."""

    stretch: float
    wobble: float
    wall: float
    kind: str = "epithelium"


class _Ground:
    """The circles already taken."""

    def __init__(self) -> None:
        self._circles = np.zeros((0, 3))

    def take(self, x: float, y: float, reach: float, gap: float) -> bool:
        """Take the circle if it keeps ``gap`` um from all others, and say whether it did."""
        far = np.hypot(self._circles[:, 0] - x, self._circles[:, 1] - y) > self._circles[:, 2] + reach + gap
        if not far.all():
            return False
        self._circles = np.vstack([self._circles, (x, y, reach)])
        return True


def _fat(traits: Traits, random: np.random.Generator, ground: _Ground) -> list[Outline]:
    cells: list[Outline] = []
    for _ in range(int(random.poisson(traits.fat * 14))):
        centre = random.uniform(0, SIDE, 2)
        width = random.uniform(50, 110)
        for _ in range(int(width**2 / 60)):
            x, y = centre + width * random.standard_normal(2)
            radius = float(random.uniform(17, 30))
            if ground.take(x, y, radius, -4.0):
                shape = _Shape(random.uniform(1.0, 1.25), 0.035, 1.1, "fat")
                cells.append(_outline(random, (x, y), radius, shape))
    return cells


_PLAN = {
    # subtype: tries to place a structure, mean radius, its spread, stretch, wobble, gap between structures
    "TA": (700, 25.0, 0.20, 1.25, 0.05, 2.0),
    "F": (170, 34.0, 0.35, 2.6, 0.10, 16.0),
    "A": (900, 19.0, 0.25, 1.2, 0.06, 1.5),
    "DC": (300, 38.0, 0.45, 1.5, 0.13, 7.0),
    "LC": (60, 20.0, 0.35, 1.4, 0.12, 20.0),
}


def _structures(traits: Traits, random: np.random.Generator, ground: _Ground) -> list[Outline]:
    n_tries, mean, spread, stretch, wobble, gap = _PLAN[traits.subtype]
    is_benign = traits.label == "benign"
    lobes = random.uniform(0, SIDE, (14, 2))
    placed = []
    for _ in range(n_tries):
        x, y = random.uniform(0, SIDE, 2)
        if traits.subtype == "A":
            x, y = lobes[random.integers(len(lobes))] + random.normal(0, 55, 2)
        radius = float(mean * np.exp(spread * random.standard_normal()))
        elongation = 1.0 + (stretch - 1.0) * random.uniform(0.3, 1.5)
        wall = traits.nuclear_diameter * (random.uniform(1.25, 1.65) if is_benign else random.uniform(1.8, 3.0))
        has_lumen = random.uniform() < traits.lumen_fraction and radius > wall
        outline = _outline(random, (x, y), radius, _Shape(elongation, wobble, wall if has_lumen else np.inf))
        if ground.take(x, y, 0.92 * outline.reach, gap):
            placed.append(outline)
    return placed


def _cells(
    traits: Traits,
    random: np.random.Generator,
    x: np.ndarray,
    y: np.ndarray,
    angle: np.ndarray | None = None,
    ratio: float = 1.25,
    cytoplasm: float = 0.0,
) -> Nuclei:
    """Return epithelial nuclei at the given places."""
    n = len(x)
    cv = np.sqrt(np.log1p(traits.pleomorphism**2))
    diameter = traits.nuclear_diameter * np.exp(cv * random.standard_normal(n) - cv**2 / 2)
    ratios = 1.0 + (ratio - 1.0) * np.exp(0.6 * random.standard_normal(n))
    ratios = np.clip(ratios, 1.0, 2.4)
    has_nucleolus = random.uniform(size=n) < traits.nucleoli
    return Nuclei(
        x=np.asarray(x),
        y=np.asarray(y),
        a=diameter / 2 * np.sqrt(ratios),
        b=diameter / 2 / np.sqrt(ratios),
        angle=random.uniform(0, np.pi, n) if angle is None else angle + 0.25 * random.standard_normal(n),
        density=np.clip(1.0 + (0.10 + traits.pleomorphism) * random.standard_normal(n), 0.5, 1.7),
        irregularity=traits.irregularity * np.exp(0.4 * random.standard_normal(n)),
        chromatin=traits.chromatin * np.exp(0.3 * random.standard_normal(n)),
        nucleolus=np.where(has_nucleolus, diameter * random.uniform(0.09, 0.15, n), 0.0),
        cytoplasm=np.full(n, cytoplasm),
    )


def _lining(traits: Traits, random: np.random.Generator, outline: Outline) -> Nuclei:
    """Return the nuclei of a wall: columnar cells side by side, and a flat layer outside them in benign ducts."""
    step = traits.spacing * traits.nuclear_diameter * 0.98
    rows = max(1, round(outline.wall / (1.75 * traits.nuclear_diameter)))
    parts = []
    for row in range(rows):
        depth = outline.wall * (row + 0.55) / rows
        around = 2 * np.pi * max(outline.radius - depth, 2.0)
        n = max(5, int(around / step))
        turn = (np.arange(n) + random.uniform() + 0.22 * random.standard_normal(n)) * 2 * np.pi / n
        x, y, outward = outline.at(turn, depth + 0.10 * traits.nuclear_diameter * random.standard_normal(n))
        parts.append(_cells(traits, random, x, y, outward, ratio=1.35))
    if traits.label == "benign":
        n = max(4, int(2 * np.pi * outline.radius / (2.3 * traits.nuclear_diameter)))
        turn = (np.arange(n) + random.uniform(size=n)) * 2 * np.pi / n
        x, y, outward = outline.at(turn, np.full(n, 1.0))
        flat = _cells(traits, random, x, y, outward + np.pi / 2, ratio=2.0)
        parts.append(dataclasses.replace(flat, a=flat.a * 0.85, b=flat.b * 0.62, density=flat.density * 1.1))
    return Nuclei.joined(parts)


def _filling(traits: Traits, random: np.random.Generator, outline: Outline) -> Nuclei:
    """Return the nuclei of a solid nest: a disturbed hexagonal lattice inside the outline."""
    step = traits.spacing * traits.nuclear_diameter * 1.12
    k = int(np.ceil(outline.reach / step)) + 1
    i, j = np.meshgrid(np.arange(-k, k + 1), np.arange(-k, k + 1))
    x = outline.x + (i + 0.5 * (j % 2)).ravel() * step
    y = outline.y + j.ravel() * step * 0.87
    x, y = x + 0.22 * step * random.standard_normal(x.size), y + 0.22 * step * random.standard_normal(x.size)
    inside = outline.depth(x, y) > 0.35 * traits.nuclear_diameter
    return _cells(traits, random, x[inside], y[inside], ratio=1.25)


def _files(specimen: Specimen, random: np.random.Generator) -> Nuclei:
    """Return malignant cells between the fibres: single files, many in lobular carcinoma."""
    traits = specimen.traits
    n_files = 330 if traits.subtype == "LC" else 70
    step = traits.spacing * traits.nuclear_diameter * 1.25
    parts = []
    for _ in range(n_files):
        x, y = random.uniform(0, SIDE, 2)
        n = int(random.integers(1, 9))
        direction = float(_fibre_angle(specimen, np.array([x]), np.array([y]))[0])
        turns = direction + np.cumsum(0.30 * random.standard_normal(n))
        steps = step * np.exp(0.25 * random.standard_normal(n))
        xs, ys = x + np.cumsum(steps * np.cos(turns)), y + np.cumsum(steps * np.sin(turns))
        parts.append(_cells(traits, random, xs, ys, turns, ratio=1.35, cytoplasm=0.35 * traits.nuclear_diameter))
    return Nuclei.joined(parts)


def _fibroblasts(specimen: Specimen, random: np.random.Generator) -> Nuclei:
    n = int(random.poisson(specimen.traits.cellularity * SIDE * SIDE / 1000.0))
    x, y = random.uniform(0, SIDE, (2, n))
    length = 4.4 * np.exp(0.25 * random.standard_normal(n))
    return Nuclei(
        x=x,
        y=y,
        a=length,
        b=length * random.uniform(0.22, 0.42, n),
        angle=_fibre_angle(specimen, x, y) + 0.15 * random.standard_normal(n),
        density=np.clip(0.9 + 0.18 * random.standard_normal(n), 0.4, 1.4),
        irregularity=np.full(n, 0.05),
        chromatin=np.full(n, 0.14),
        nucleolus=np.zeros(n),
        cytoplasm=np.zeros(n),
    )


def _lymphocytes(specimen: Specimen, random: np.random.Generator) -> Nuclei:
    n = int(random.poisson(specimen.traits.lymphocytes * SIDE * SIDE / 1000.0))
    foci = random.uniform(0, SIDE, (max(1, n // 40), 2))
    near = foci[random.integers(len(foci), size=n)] + random.normal(0, 32, (n, 2))
    scattered = random.uniform(size=n) < 0.4
    x = np.where(scattered, random.uniform(0, SIDE, n), near[:, 0])
    y = np.where(scattered, random.uniform(0, SIDE, n), near[:, 1])
    radius = 2.5 * np.exp(0.08 * random.standard_normal(n))
    return Nuclei(
        x=x,
        y=y,
        a=radius * 1.05,
        b=radius * 0.96,
        angle=random.uniform(0, np.pi, n),
        density=np.clip(1.35 + 0.12 * random.standard_normal(n), 0.8, 1.8),
        irregularity=np.full(n, 0.03),
        chromatin=np.full(n, 0.18),
        nucleolus=np.zeros(n),
        cytoplasm=np.zeros(n),
    )


def _fibre_angle(specimen: Specimen, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the direction in which "across the fibres" does not change."""
    step = 2.0

    def across(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return specimen.fibres(x, y, specimen.bend(lambda wavelength, offset: texture(x, y, wavelength, offset)))[1]

    gx, gy = across(x + step, y) - across(x - step, y), across(x, y + step) - across(x, y - step)
    return np.asarray(np.arctan2(-gx, gy))


def _outside(nuclei: Nuclei, outlines: tuple[Outline, ...]) -> Nuclei:
    """Return the nuclei that lie in none of the outlines."""
    keep = np.ones(len(nuclei), dtype=bool)
    for o in outlines:
        close = np.flatnonzero(keep & (np.hypot(nuclei.x - o.x, nuclei.y - o.y) < o.reach + 3.0))
        keep[close] = o.depth(nuclei.x[close], nuclei.y[close]) < -1.5
    return nuclei.take(keep)
