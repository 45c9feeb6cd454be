"""How much hematoxylin and eosin lies at every pixel of a field of view."""

from __future__ import annotations

import dataclasses

import numpy as np

from featkit.tissue.field import Field
from featkit.tissue.noise import ramp, texture
from featkit.tissue.specimen import Nuclei, Outline, Specimen

_WINDOW_BUDGET = 400_000
_FINE = 0.6


def stains(specimen: Specimen, field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return the two stains in a field of view, before any camera.

    Parameters
    ----------
    specimen : Specimen
        What is looked at.
    field : Field
        Where, and how finely.

    Returns
    -------
    hematoxylin, eosin : (H, W) float32 arrays
        In optical-density units per unit of stain vector, the patient's strengths not yet applied.
    """
    depth, owner = _structures(specimen.outlines, field)
    hematoxylin, eosin = _stroma(specimen, field, depth)
    _epithelium(specimen, field, depth, owner, hematoxylin, eosin)
    nuclei = specimen.nuclei
    reach = 1.3 * np.maximum(nuclei.a, nuclei.b) + nuclei.cytoplasm + 2 * field.mpp[0]
    chosen = nuclei.take(field.shows(nuclei.x, nuclei.y, reach))
    cytoplasm = draw_nuclei(chosen.take(chosen.cytoplasm > 0), field, specimen.grain, rim=True)
    eosin += cytoplasm * (0.34 - eosin) * 0.75
    hematoxylin += cytoplasm * 0.09
    inside = draw_nuclei(chosen, field, specimen.grain)
    covered = np.minimum(inside, 1.0)
    eosin *= 1.0 - 0.55 * covered
    hematoxylin *= 1.0 - covered
    hematoxylin += inside
    return hematoxylin, eosin


def draw_nuclei(nuclei: Nuclei, field: Field, grain: float, rim: bool = False) -> np.ndarray:
    """Return the hematoxylin of nuclei, or with ``rim`` the cover of the cytoplasm they bring; the darker one wins.

    Parameters
    ----------
    nuclei : Nuclei
        Those to draw.
    field : Field
        Where, and how finely.
    grain : float
        The specimen's.
    rim : bool
        Draw cytoplasm instead.

    Returns
    -------
    (H, W) float32 array
        0 where there is none.
    """
    height, width = field.size
    canvas = np.zeros(height * width, dtype=np.float32)
    if rim:
        nuclei = dataclasses.replace(nuclei, a=nuclei.a + nuclei.cytoplasm, b=nuclei.b + nuclei.cytoplasm)
    widest = np.maximum(nuclei.a, nuclei.b) * (1 + 2 * nuclei.irregularity)
    reach = np.ceil(widest / min(field.mpp) + 2).astype(np.int64)
    column, row = (nuclei.x - field.xs[0]) / field.mpp[0], (nuclei.y - field.ys[0]) / field.mpp[1]
    for half in np.unique(reach):
        alike = np.flatnonzero(reach == half)
        span = np.arange(-half, half + 1)
        for block in np.array_split(alike, 1 + len(alike) * len(span) ** 2 // _WINDOW_BUDGET):
            columns = np.rint(column[block]).astype(np.int64)[:, None] + span
            rows = np.rint(row[block]).astype(np.int64)[:, None] + span
            dx = ((columns - column[block, None]) * field.mpp[0]).astype(np.float32)[:, None, :]
            dy = ((rows - row[block, None]) * field.mpp[1]).astype(np.float32)[:, :, None]
            value = _profile(nuclei.take(block), dx, dy, field.mpp[0], grain, rim)
            seen = ((columns >= 0) & (columns < width))[:, None, :] & ((rows >= 0) & (rows < height))[:, :, None]
            seen &= value > 0
            np.maximum.at(canvas, (rows[:, :, None] * width + columns[:, None, :])[seen], value[seen])
    return canvas.reshape(field.size)


def _profile(nuclei: Nuclei, dx: np.ndarray, dy: np.ndarray, mpp: float, grain: float, rim: bool) -> np.ndarray:
    """Return the stain of each nucleus in its own window: (n, h, w) float32."""
    each = (slice(None), None, None)
    c, s = np.cos(nuclei.angle)[each], np.sin(nuclei.angle)[each]
    a, b = nuclei.a[each], nuclei.b[each]
    u, v = (dx * c + dy * s) / a, (dy * c - dx * s) / b
    rho = np.hypot(u, v)
    if mpp < _FINE:
        phase = (nuclei.x * 7.3 + nuclei.y * 3.1)[each]
        t = (u * np.cos(phase) - v * np.sin(phase)) / np.maximum(rho, 1e-3)
        square = t * t  # waves of 2, 3 and 5 per turn, as Chebyshev polynomials of the cosine
        bends = (2 * square - 1) / 1.5 + t * (4 * square - 3) / 2.5 + t * ((16 * square - 20) * square + 5) / 4.5
        rho = rho * (1 - nuclei.irregularity[each] * bends)
    away = (rho - 1.0) * np.sqrt(a * b)  # um from the outline, to first order
    if rim:
        return 1 - ramp(away, -1.6, 0.4)
    soft = max(0.55 * mpp, 0.12)
    cover = 1 - ramp(away, -soft, soft)
    body: np.ndarray | float = 1.0
    if mpp < _FINE:
        x, y = nuclei.x[each] + dx, nuclei.y[each] + dy
        clump = sum(w * _seen(n, mpp) * texture(x, y, n, grain + n) for n, w in ((1.5, 1.0), (0.7, 0.6)))
        membrane = 0.28 * np.exp(-(((rho - 0.93) / 0.10) ** 2))
        coarse = nuclei.chromatin[each]
        body = 0.88 + coarse * (clump - 0.45 * (1 - rho * rho)) + membrane
        spot = nuclei.nucleolus[each]
        far = np.hypot(dx - 0.22 * a * c, dy - 0.22 * a * s)
        body = np.maximum(body + 0.75 * (1 - ramp(far - spot, -soft, soft)) * (spot > 0), 0.15)
    return np.asarray(0.86 * cover * nuclei.density[each] * body, dtype=np.float32)


def _structures(outlines: tuple[Outline, ...], field: Field) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth inside the nearest structure (um, negative outside) and, per pixel, its index (-1 for none)."""
    depth = np.full(field.size, -60.0, dtype=np.float32)
    owner = np.full(field.size, -1, dtype=np.int32)
    for index, outline in enumerate(outlines):
        margin = outline.reach + 25.0
        columns = slice(*np.searchsorted(field.xs, (outline.x - margin, outline.x + margin)))
        rows = slice(*np.searchsorted(field.ys, (outline.y - margin, outline.y + margin)))
        if columns.start == columns.stop or rows.start == rows.stop:
            continue
        found = outline.depth(field.xs[None, columns], field.ys[rows, None])
        deeper = found > depth[rows, columns]
        depth[rows, columns][deeper] = found[deeper]
        owner[rows, columns][deeper] = index
    return depth, owner


def _seen(wavelength: float, mpp: float) -> float:
    """Return 1 for textures the pixels resolve and 0 for those they do not."""
    return float(ramp(np.float64(wavelength / mpp), 1.2, 3.5))


def _stroma(specimen: Specimen, field: Field, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = field.grid
    mpp, grain, looseness = field.mpp[0], specimen.grain, specimen.traits.looseness
    along, across = specimen.fibres(x, y, specimen.bend(field.smooth))
    across = across + 16.0 * np.exp(np.minimum(depth, 0.0) / 15.0)  # fibres bend around the structures they touch
    eosin = 0.33 + 0.06 * field.smooth(150.0, grain + 2)
    for wavelength, amplitude in ((16.0, 0.07), (6.0, 0.08), (2.6, 0.065), (1.1, 0.04)):
        visible = _seen(wavelength, mpp)
        if visible:
            eosin += amplitude * visible * texture(along / 4.5, across, wavelength, grain + wavelength)
    openness = ramp(field.smooth(110.0, grain + 3) + 2.2 * looseness - 1.2, -0.4, 1.3)
    slit = np.abs(texture(along / 5.0, across, 11.0, grain + 4) + 0.35 * field.smooth(8.0, grain + 6))
    gap = (1 - ramp(slit, 0.05 + mpp * 0.02, 0.34 + mpp * 0.05)) * openness
    fine = np.abs(texture(along / 4.0, across, 4.6, grain + 5))
    gap = np.maximum(gap, (1 - ramp(fine, 0.02, 0.30)) * openness * 0.75 * _seen(4.6, mpp))
    tear = ramp(field.smooth(240.0, grain + 7) + 0.35 * field.smooth(30.0, grain + 8), 1.75, 1.9)
    solid = 1 - np.maximum(0.85 * gap, tear)
    return 0.035 * solid, np.maximum(eosin, 0.08) * solid + 0.01


def _epithelium(
    specimen: Specimen,
    field: Field,
    depth: np.ndarray,
    owner: np.ndarray,
    hematoxylin: np.ndarray,
    eosin: np.ndarray,
) -> None:
    """Paint cytoplasm, lumina and fat over the stroma, in place."""
    if not (depth > -3.0).any():
        return
    mpp, grain = field.mpp[0], specimen.grain
    walls = np.array([o.wall for o in specimen.outlines] + [np.inf], dtype=np.float32)[owner]
    is_fat = np.array([o.kind == "fat" for o in specimen.outlines] + [False])[owner]
    edge = max(mpp * 0.7, 0.35)
    inside = ramp(depth, -edge, edge)
    ragged = 0.9 * field.smooth(5.0, grain + 9) * ~is_fat if mpp < 0.8 else 0.0
    lumen = ramp(depth - walls + ragged, -edge, edge)
    mottled = sum(w * _seen(n, mpp) * field.smooth(n, grain + n + 10) for n, w in ((3.2, 0.05), (1.2, 0.035)))
    secretion = ramp(field.smooth(60.0, grain + 12), 1.1, 1.6) * 0.16
    pink = np.where(is_fat, 0.30, 0.34 + mottled) * (1 - lumen) + np.where(is_fat, 0.012, 0.015 + secretion) * lumen
    blue = np.where(is_fat, 0.02, 0.13 + 0.5 * mottled) * (1 - lumen)
    cleft = ramp(depth, -2.6, -1.2) * (1 - ramp(depth, -0.9, 0.0)) * ramp(field.smooth(35.0, grain + 13), 0.5, 1.4)
    eosin *= 1 - 0.75 * cleft
    eosin += inside * (pink - eosin)
    hematoxylin += inside * (blue - hematoxylin)
