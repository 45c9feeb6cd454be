"""The parts of generated tissue: textures, fields, specimens, paint and camera."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from featkit.tissue.camera import SETTINGS, patch_mpp, photograph
from featkit.tissue.field import Field
from featkit.tissue.noise import ramp, texture
from featkit.tissue.paint import draw_nuclei, stains
from featkit.tissue.specimen import SIDE, Nuclei, Outline, grow
from featkit.tissue.traits import draw_traits

MAGNIFICATIONS = ("40X", "100X", "200X", "400X")


class Still:
    """A generator without randomness: every normal draw is its mean."""

    def standard_normal(self, size=None, dtype=np.float64):
        return 0.0 if size is None else np.zeros(size, dtype)


def ellipses(x, y, a, b, angle=0.0):
    x, y = np.atleast_1d(x).astype(np.float32), np.atleast_1d(y).astype(np.float32)
    columns = {f.name: np.zeros(len(x), np.float32) for f in dataclasses.fields(Nuclei)}
    columns |= {"x": x, "y": y, "density": np.ones(len(x), np.float32)}
    columns |= {k: np.full(len(x), v, np.float32) for k, v in (("a", a), ("b", b), ("angle", angle))}
    return Nuclei(**columns)


def circle(x, y, radius, wall=np.inf, stretch=1.0, waves=0.0):
    return Outline(x, y, radius, stretch, 0.3, np.full(5, waves), np.arange(5.0), wall)


@pytest.fixture(scope="module")
def specimens():
    return {label: grow(draw_traits(label, i, 5), i, 5) for i, label in enumerate(("benign", "malignant"))}


def test_textures_have_mean_0_and_variance_1_and_depend_on_place_and_offset_only():
    x, y = np.random.default_rng(0).uniform(0, 5000, (2, 40_000)).astype(np.float32)
    values = texture(x, y, 20.0, 3.0)
    assert abs(values.mean()) < 0.05
    assert abs(values.std() - 1) < 0.1
    assert np.array_equal(values[100:200], texture(x[100:200], y[100:200], 20.0, 3.0))
    assert abs(np.corrcoef(values, texture(x, y, 20.0, 4.0))[0, 1]) < 0.1
    near = texture(x + 1, y, 20.0, 3.0)
    assert np.corrcoef(values, near)[0, 1] > 0.95
    assert abs(np.corrcoef(values, texture(x + 60, y, 20.0, 3.0))[0, 1]) < 0.1


def test_a_ramp_rises_from_0_to_1_through_one_half():
    assert ramp(np.array([-1.0, 2.0, 3.0, 4.0, 9.0]), 2.0, 4.0).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert ramp(np.array([1.0, 5.0]), 4.0, 2.0).tolist() == [1.0, 0.0]


def test_a_field_shows_its_centre_and_its_width():
    field = Field(100.0, 50.0, (0.5, 0.25), (20, 40))
    assert field.half == (10.0, 2.5)
    assert field.xs.mean() == pytest.approx(100.0)
    assert field.ys[1] - field.ys[0] == pytest.approx(0.25)
    assert field.shows(np.array([109.0, 111.0, 111.0]), np.array([50.0] * 3), np.array([0.0, 0.0, 2.0])).tolist() == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize("mpp", [0.1, 0.4, 1.0])
def test_long_waves_on_a_coarse_grid_are_the_texture_itself(mpp):
    field = Field(321.0, 123.0, (mpp, 0.96 * mpp), (61, 83))
    x, y = field.grid
    for wavelength in (8.0, 40.0, 150.0):
        exact = texture(x, y, wavelength, 7.0)
        error = field.smooth(wavelength, 7.0) - exact
        assert np.abs(error).max() < 0.2
        assert error.std() < 0.03


def test_depth_in_a_circle_is_the_distance_to_it():
    outline = circle(10.0, 20.0, 30.0)
    x, y = np.random.default_rng(0).uniform(-50, 80, (2, 500))
    assert np.allclose(outline.depth(x, y), 30.0 - np.hypot(x - 10, y - 20), atol=1e-4)
    assert outline.reach == 30.0


@pytest.mark.parametrize("stretch", [1.0, 1.4])
def test_places_on_a_bent_outline_have_depth_0_and_lie_within_reach(stretch):
    outline = circle(-3.0, 4.0, 25.0, stretch=stretch, waves=0.04)
    turn = np.linspace(0, 6.28, 300)
    x, y, _ = outline.at(turn, np.zeros(300))
    assert np.abs(outline.depth(x, y)).max() < 0.1
    assert np.hypot(x + 3, y - 4).max() <= outline.reach


def test_one_class_differs_from_the_other_as_planted_and_both_overlap():
    labels = np.repeat(["benign", "malignant"], 150)
    drawn = [draw_traits(label, i, 11) for i, label in enumerate(labels)]
    y = labels == "malignant"
    for name in ("nuclear_diameter", "pleomorphism", "irregularity", "chromatin", "nucleoli"):
        assert 0.8 < roc_auc_score(y, [getattr(t, name) for t in drawn]) < 0.9999, name
    for name in ("lumen_fraction", "spacing"):
        assert roc_auc_score(y, [getattr(t, name) for t in drawn]) < 0.2, name
    for name in ("eosin", "cellularity", "fat"):
        assert 0.4 < roc_auc_score(y, [getattr(t, name) for t in drawn]) < 0.6, name
    for t in drawn:
        assert np.linalg.norm(t.hematoxylin_vector) == pytest.approx(1.0)
    assert draw_traits("benign", 3, 11) == draw_traits("benign", 3, 11) != draw_traits("benign", 3, 12)


@pytest.mark.parametrize("label", ["benign", "malignant"])
def test_nuclei_have_the_size_and_the_spread_that_were_planted(label):
    traits = dataclasses.replace(
        draw_traits(label, 0, 1), subtype="DC", nuclear_diameter=8.0, pleomorphism=0.2, lumen_fraction=0.0
    )
    specimen = grow(traits, 0, 1)
    epithelial = specimen.nuclei.take(np.arange(specimen.n_epithelial))
    diameter = 2 * np.sqrt(epithelial.a * epithelial.b)
    assert len(diameter) > 1000
    assert diameter.mean() == pytest.approx(8.0, rel=0.02)
    assert diameter.std() / diameter.mean() == pytest.approx(0.2, abs=0.02)


def test_structures_have_lumina_as_often_as_planted():
    traits = dataclasses.replace(draw_traits("benign", 0, 2), subtype="TA", lumen_fraction=0.5, nuclear_diameter=6.0)
    outlines = [o for i in range(4) for o in grow(traits, i, 2).outlines if o.kind == "epithelium"]
    wide = [np.isfinite(o.wall) for o in outlines if o.radius > 1.65 * 6.0]
    assert binomtest(sum(wide), len(wide), 0.5).pvalue > 1e-4


def test_stromal_cells_stay_out_of_the_epithelium_and_the_epithelium_in_it(specimens):
    specimen = specimens["benign"]
    depth = np.max([o.depth(specimen.nuclei.x, specimen.nuclei.y) for o in specimen.outlines], axis=0)
    assert (depth[: specimen.n_epithelial] > -3.0).all()
    assert (depth[specimen.n_epithelial :] < 0.0).all()


@pytest.mark.parametrize("magnification", MAGNIFICATIONS)
def test_a_planted_nucleus_covers_its_area_at_every_magnification(magnification):
    mpp = patch_mpp(magnification, (224, 224))
    areas = []
    for shift in np.linspace(0, 1, 6):
        field = Field(50.0, 50.0, mpp, (224, 224))
        drawn = draw_nuclei(ellipses(50 + shift * mpp[0], 50 + 0.6 * shift * mpp[1], 5.0, 4.0, shift), field, 0.0)
        areas.append((drawn > 0.43).sum() * mpp[0] * mpp[1])
    assert np.mean(areas) == pytest.approx(np.pi * 5.0 * 4.0, rel=0.05)


def test_nuclear_area_in_pixels_grows_as_the_squared_magnification():
    pixels = {}
    for magnification in ("100X", "400X"):
        field = Field(50.0, 50.0, patch_mpp(magnification, (224, 224)), (224, 224))
        pixels[magnification] = (draw_nuclei(ellipses(50.0, 50.0, 6.0, 5.0), field, 0.0) > 0.43).sum()
    assert pixels["400X"] / pixels["100X"] == pytest.approx(16.0, rel=0.04)


def test_the_same_place_shows_the_same_tissue_at_a_higher_magnification(specimens):
    for specimen in specimens.values():
        wide = Field(500.0, 480.0, (1.0, 1.0), (120, 120))
        near = Field(500.0, 480.0, (0.25, 0.25), (240, 240))
        for low, high in zip(stains(specimen, wide), stains(specimen, near), strict=True):
            averaged = high.reshape(60, 4, 60, 4).mean(axis=(1, 3))
            assert np.corrcoef(averaged.ravel(), low[30:90, 30:90].ravel())[0, 1] > 0.8


def test_a_lumen_is_clear_and_a_wall_is_not(specimens):
    traits = specimens["benign"].traits
    specimen = dataclasses.replace(
        specimens["benign"],
        traits=traits,
        outlines=(circle(500.0, 500.0, 40.0, wall=12.0),),
        nuclei=ellipses(0.0, 0.0, 1.0, 1.0),
    )
    field = Field(500.0, 500.0, (0.5, 0.5), (200, 200))
    hematoxylin, eosin = stains(specimen, field)
    x, y = field.grid
    away = np.hypot(x - 500, y - 500)
    assert eosin[away < 25].max() < 0.2
    assert eosin[(away > 31) & (away < 37)].mean() > 0.25
    assert hematoxylin[away < 25].max() < 0.02


@pytest.mark.parametrize("magnification", MAGNIFICATIONS)
def test_the_camera_follows_beer_and_lambert(magnification, specimens):
    traits, setting = specimens["malignant"].traits, SETTINGS[magnification]
    mpp = patch_mpp(magnification, (9, 9))
    for h, e in ((0.0, 0.0), (0.5, 0.1), (0.0, 0.4), (1.2, 0.6)):
        picture = photograph(np.full((9, 9), h), np.full((9, 9), e), traits, magnification, mpp, Still())
        density = h * traits.hematoxylin * np.array(traits.hematoxylin_vector)
        density += e * traits.eosin * np.array(traits.eosin_vector)
        light = (10.0**-density * (1 - setting.glare) + setting.glare) * setting.exposure * setting.white_balance
        assert np.abs(picture[4, 4] - 255 * light**setting.contrast).max() <= 0.6


@pytest.mark.parametrize("magnification", MAGNIFICATIONS)
def test_an_edge_is_blurred_by_the_objective_s_microns(magnification, specimens):
    traits = dataclasses.replace(specimens["benign"].traits, hematoxylin=1.0, hematoxylin_vector=(0.05, 0.0, 0.0))
    mpp = patch_mpp(magnification, (224, 224))
    stain = np.zeros((65, 129))
    stain[:, 64:] = 1.0
    picture = photograph(stain, np.zeros_like(stain), traits, magnification, mpp, Still())
    edge = picture[32, 54:75, 0].astype(float)
    fraction = (edge - edge[-1]) / (edge[0] - edge[-1])
    left, right = np.interp([-0.841, -0.159], -fraction, np.arange(21))  # one standard deviation before and after
    assert (right - left) / 2 * mpp[0] == pytest.approx(SETTINGS[magnification].blur, rel=0.2)


def test_tissue_is_pink_and_purple_on_white(specimens):
    rng = np.random.default_rng(0)
    for specimen in specimens.values():
        for magnification in MAGNIFICATIONS:
            mpp = patch_mpp(magnification, (96, 96))
            margin = Field(0.0, 0.0, mpp, (96, 96)).half[0]
            x, y = rng.uniform(margin, SIDE - margin, 2)
            hematoxylin, eosin = stains(specimen, Field(x, y, mpp, (96, 96)))
            picture = photograph(hematoxylin, eosin, specimen.traits, magnification, mpp, rng).astype(float)
            assert picture.shape == (96, 96, 3)
            stained = picture[(eosin > 0.2) | (hematoxylin > 0.2)]
            if len(stained) > 50:
                red, green, blue = stained.mean(axis=0)
                assert min(red, blue) > green + 10
