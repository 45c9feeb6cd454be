import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from featkit.core.errors import InputError
from featkit.data.images import check_images, image_sizes, pixel_hash, pixel_hashes, read_rgb

PIXELS = np.random.default_rng(0).integers(0, 256, (19, 23, 3), dtype=np.uint8)
RGB = Image.fromarray(PIXELS)


def png(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def outcome(path):
    """The pixels and no message, or None and the message."""
    try:
        return read_rgb(path), ""
    except InputError as error:
        return None, str(error)


def png_of(width, height, depth, rows):
    """A PNG that claims a size and a depth of RGB, whatever its rows are."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "bmp"])
def test_lossless_rgb_is_read_bit_for_bit_and_may_be_written_to(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    RGB.save(path, **({"lossless": True} if suffix == "webp" else {}))
    pixels = read_rgb(path)
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, PIXELS)
    pixels[0, 0, 0] = 1


def test_jpeg_is_read(tmp_path):
    RGB.save(tmp_path / "a.jpg", quality=95)
    assert read_rgb(tmp_path / "a.jpg").shape == PIXELS.shape


def test_opaque_rgba_is_its_rgb_and_transparency_is_refused(tmp_path):
    RGB.convert("RGBA").save(tmp_path / "opaque.png")
    assert np.array_equal(read_rgb(tmp_path / "opaque.png"), PIXELS)
    clear = RGB.convert("RGBA")
    clear.putpixel((3, 3), (1, 2, 3, 254))
    clear.save(tmp_path / "clear.png")
    with pytest.raises(InputError, match=r"clear\.png has transparent pixels\. Convert it to 8-bit RGB"):
        read_rgb(tmp_path / "clear.png")


BAD = {
    "zero.png": (b"", "is empty (0 bytes)"),
    "text.png": (b"patient,label\n1,benign\n", "is no PNG, WebP, JPEG, TIFF or BMP"),
    "cut.png": (png(RGB)[:400], "is damaged or cut short"),
    "header_only.png": (png(RGB)[:20], "is damaged or cut short"),
    "sixteen_grey.png": (png(Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16))), "has 16 bits per channel"),
    "sixteen_rgb.png": (png_of(4, 3, 16, bytes(3 * (1 + 6 * 4))), "has 16 bits per channel"),
    "palette.png": (png(RGB.convert("P")), "has a colour palette"),
    "grey.png": (png(RGB.convert("L")), "is greyscale"),
    "grey_alpha.png": (png(RGB.convert("LA")), "is greyscale with transparency"),
    "bilevel.png": (png(RGB.convert("1")), "is black and white"),
    "animated.png": (png(RGB, save_all=True, append_images=[RGB.rotate(180)]), "holds 2 pictures"),
    "large.png": (png_of(9000, 9000, 8, b""), "9000 x 9000 pixels, more than 64,000,000"),
    "bomb_that_warns.png": (png_of(12000, 12000, 8, b""), "more than 64,000,000 pixels"),
    "bomb_that_raises.png": (png_of(60000, 60000, 8, b""), "more than 64,000,000 pixels"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("filters", ["error", "ignore"])
def test_bad_files_give_one_line_with_file_reason_and_advice(tmp_path, name, filters):
    content, said = BAD[name]
    path = tmp_path / name
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter(filters)
        with pytest.raises(InputError) as caught:
            read_rgb(path)
    message = str(caught.value)
    assert str(path) in message
    assert said in message
    assert message.endswith(("Fetch it again or leave it out.", "save it as PNG.", "Cut it into patches.", "is meant."))
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("cmyk.jpg", lambda path: RGB.convert("CMYK").save(path), "is CMYK"),
        ("cmyk.tif", lambda path: RGB.convert("CMYK").save(path), "is CMYK"),
        ("lab.tif", lambda path: RGB.convert("LAB").save(path), "is Lab"),
        ("float.tif", lambda path: Image.fromarray(np.zeros((4, 4), np.float32)).save(path), "floating-point"),
        ("pages.tif", lambda path: RGB.save(path, save_all=True, append_images=[RGB]), "holds 2 pictures"),
        ("still.gif", lambda path: RGB.save(path), "is no PNG, WebP, JPEG, TIFF or BMP"),
        (
            "moving.webp",
            lambda path: RGB.save(path, save_all=True, append_images=[RGB.rotate(180)]),
            "holds 2 pictures",
        ),
    ],
)
def test_other_colour_models_and_several_pictures_are_refused(tmp_path, name, make, said):
    make(tmp_path / name)
    with pytest.raises(InputError, match=said):
        read_rgb(tmp_path / name)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(InputError, match="a patch must exist"):
        read_rgb(tmp_path / "no.png")
    with pytest.raises(InputError, match="must be an image file"):
        read_rgb(tmp_path)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "TIFF", "BMP"])
def test_a_file_cut_anywhere_is_refused_or_read_whole(tmp_path, kind):
    buffer = io.BytesIO()
    RGB.save(buffer, kind)
    content = buffer.getvalue()
    whole = np.array(Image.open(io.BytesIO(content)))
    path = tmp_path / "cut"
    refused = 0
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        pixels, message = outcome(path)
        if pixels is None:
            assert str(path) in message
            refused += 1
        else:
            assert np.array_equal(pixels, whole)
    assert refused >= 0.9 * len(range(0, len(content), 7))


@given(st.integers(0, 10**6), st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_a_damaged_byte_never_escapes_as_anything_but_an_input_error(tmp_path_factory, place, value):
    content = bytearray(png(RGB))
    content[place % len(content)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(bytes(content))
    pixels, message = outcome(path)
    assert (pixels is None) == bool(message)
    assert "\n" not in message


def test_pixel_hash_knows_pixels_and_shape_only(tmp_path):
    RGB.save(tmp_path / "a.png", compress_level=0)
    RGB.save(tmp_path / "b.png", compress_level=9)
    RGB.save(tmp_path / "c.tif")
    (a, _), (b, _), (c, _) = pixel_hashes([tmp_path / n for n in ("a.png", "b.png", "c.tif")])
    assert a == b == c == pixel_hash(PIXELS) == pixel_hash(np.asfortranarray(PIXELS))
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert pixel_hash(PIXELS.reshape(23, 19, 3)) != a
    other = PIXELS.copy()
    other[0, 0, 0] ^= 1
    assert pixel_hash(other) != a
    with pytest.raises(InputError, match="uint8 array, got float32"):
        pixel_hash(PIXELS.astype(np.float32))


def test_check_images_lists_the_bad_ones_in_order_and_goes_on(tmp_path):
    paths = []
    for i, content in enumerate([png(RGB), b"", png(RGB)[:100], png(RGB)]):
        paths.append(str(tmp_path / f"{i}.png"))
        (tmp_path / f"{i}.png").write_bytes(content)
    for n_jobs in (1, 3):
        bad = check_images(paths, n_jobs=n_jobs)
        assert [path for path, _ in bad] == paths[1:3]
        assert "0 bytes" in bad[0][1]
        assert "cut short" in bad[1][1]
    assert check_images(paths[:1]) == []
    assert image_sizes(paths) == [(23, 19), None, (23, 19), (23, 19)]


def test_real_pictures_are_read(real_data):
    originals = sorted((real_data / "breakhis" / "images-original").glob("*.png"))
    assert check_images(originals) == []
    assert {read_rgb(p).shape for p in originals[:3]} == {(460, 700, 3)}


def test_a_postscript_file_named_as_a_picture_starts_no_other_program(tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    RGB.save(path, "EPS")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was started"))
    with pytest.raises(InputError, match=r"figure\.png is no PNG, WebP, JPEG, TIFF or BMP"):
        read_rgb(path)
    assert image_sizes([path]) == [None]
