from __future__ import annotations

import pathlib

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from data_builders.pixels import frames

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
GREY = RGB[..., 0]


def save(path: pathlib.Path, pixels: np.ndarray, mode: str | None = None) -> pathlib.Path:
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_colour_comes_out_as_rgb(tmp_path, suffix):
    image = frames.read_image(save(tmp_path / f"img1.{suffix}", RGB))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, RGB)


def test_jpeg_keeps_the_order_of_the_channels(tmp_path):
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    image = frames.read_image(save(tmp_path / "img1.jpg", red))
    assert (image[..., 0] > 190).all()
    assert (image[..., 1:] < 10).all()


def test_grey_is_copied_to_three_channels(tmp_path):
    image = frames.read_image(save(tmp_path / "006_05562.png", GREY))
    np.testing.assert_array_equal(image, np.stack([GREY] * 3, axis=-1))


def test_a_palette_is_looked_up(tmp_path):
    few = (RGB // 128) * 255
    np.testing.assert_array_equal(frames.read_image(save(tmp_path / "1.png", few, "P")), few)


def test_bilevel_is_black_and_white(tmp_path):
    bilevel = (GREY > 127).astype(np.uint8) * 255
    image = frames.read_image(save(tmp_path / "1.png", bilevel, "1"))
    np.testing.assert_array_equal(image[..., 1], bilevel)


def test_an_opaque_alpha_channel_is_dropped(tmp_path):
    np.testing.assert_array_equal(frames.read_image(save(tmp_path / "1.png", RGB, "RGBA")), RGB)


def test_transparent_pixels_are_refused(tmp_path):
    alpha = np.full((*GREY.shape, 1), 255, np.uint8)
    alpha[3, 4] = 254
    path = save(tmp_path / "1.png", np.concatenate([RGB, alpha], axis=-1))
    with pytest.raises(ValueError, match=r"1\.png has transparent pixels"):
        frames.read_image(path)


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF orientation: show the stored image turned by 90° clockwise
    Image.fromarray(RGB).save(tmp_path / "1.png", exif=exif)
    np.testing.assert_array_equal(frames.read_image(tmp_path / "1.png"), np.rot90(RGB, -1))


@pytest.mark.parametrize(
    ("pixels", "layout", "reason"),
    [
        (np.zeros((3, 16, 16), np.uint16), {"planarconfig": "separate"}, "more than 8 bits"),
        (np.zeros((16, 16), np.int8), {}, "has signed samples"),
        (np.zeros((16, 16), np.float32), {}, "more than 8 bits"),
    ],
)
def test_samples_of_a_tiff_that_pillow_would_take_for_bytes(tmp_path, pixels, layout, reason):
    kind = "rgb" if layout else "minisblack"
    tifffile.imwrite(tmp_path / "1.tif", pixels, photometric=kind, **layout)
    with pytest.raises(ValueError, match=reason):
        frames.read_image(tmp_path / "1.tif")


def test_the_planes_of_a_tiff_are_channels(tmp_path):
    planes = RGB.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "1.tif", planes, photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(frames.read_image(tmp_path / "1.tif"), RGB)


def test_a_packed_tiff_of_ycbcr_is_refused_and_one_of_jpeg_is_rgb(tmp_path):
    """Pillow hands out the luma and chroma of the first as red, green and blue."""
    colour = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    image = Image.fromarray(colour).convert("YCbCr")
    image.save(tmp_path / "1.tif", compression="tiff_lzw")
    with pytest.raises(ValueError, match="is a YCbCr image: convert it to RGB"):
        frames.read_image(tmp_path / "1.tif")
    image.save(tmp_path / "2.tif", compression="jpeg")
    np.testing.assert_allclose(frames.read_image(tmp_path / "2.tif"), colour, atol=2)


@pytest.mark.parametrize(("suffix", "mode"), [("jpg", "CMYK"), ("tif", "LAB"), ("tif", "YCbCr")])
def test_other_colour_models_are_refused_by_name(tmp_path, suffix, mode):
    with pytest.raises(ValueError, match=f"is a {mode} image: convert it to RGB"):
        frames.read_image(save(tmp_path / f"1.{suffix}", RGB, mode))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_is_refused_in_grey_colour_and_alpha(tmp_path, suffix, channels):
    path = tmp_path / f"1.{suffix}"
    cv2.imwrite(str(path), np.full((20, 30, channels), 65535, np.uint16))
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        frames.read_image(path)


def test_floating_point_is_refused(tmp_path):
    with pytest.raises(ValueError, match="more than 8 bits a channel"):
        frames.read_image(save(tmp_path / "1.tif", GREY.astype(np.float32)))


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_truncated_image_is_refused_however_much_is_there(tmp_path, suffix, kept):
    path = save(tmp_path / f"1.{suffix}", RGB)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ValueError, match="damaged"):
        frames.read_image(path)


def test_text_named_jpg_is_refused(tmp_path):
    path = tmp_path / "reg_img46.jpg"
    path.write_text("these are not pixels")
    with pytest.raises(ValueError, match=r"reg_img46\.jpg is not a JPEG"):
        frames.read_image(path)


def test_an_empty_file_a_folder_and_a_missing_file_are_told_apart(tmp_path):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    for name, what in (("empty", "is empty"), ("folder", "is a folder"), ("gone", "is missing")):
        with pytest.raises(ValueError, match=rf"{name}\.jpg {what}"):
            frames.read_image(tmp_path / f"{name}.jpg")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), value=st.integers(0, 255), suffix=st.sampled_from("jp"))
def test_a_damaged_byte_gives_an_image_or_a_value_error(tmp_path, position, value, suffix):
    path = save(tmp_path / {"j": "1.jpg", "p": "1.png"}[suffix], RGB)
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        image = frames.read_image(path)
    except ValueError as error:
        message = str(error)
        if str(path) not in message:
            pytest.fail(f"the message does not name the file: {message}")
    else:
        assert image.dtype == np.uint8
        assert image.shape[2] == 3


def test_a_pair_comes_in_order(tmp_path):
    onset, apex = save(tmp_path / "1.png", RGB), save(tmp_path / "2.png", 255 - RGB)
    first, second = frames.read_pair(onset, apex)
    np.testing.assert_array_equal(first, RGB)
    np.testing.assert_array_equal(second, 255 - RGB)


def test_a_grey_and_a_colour_frame_make_a_pair(tmp_path):
    pair = frames.read_pair(save(tmp_path / "1.png", GREY), save(tmp_path / "2.png", RGB))
    assert pair[0].shape == pair[1].shape


def test_frames_of_two_sizes_are_refused_with_both_sizes(tmp_path):
    onset, apex = save(tmp_path / "img1.png", RGB), save(tmp_path / "img2.png", RGB[:30])
    with pytest.raises(ValueError, match=r"img1\.png is 60×40 and img2\.png is 60×30 pixels"):
        frames.read_pair(onset, apex)


def test_a_link_out_of_the_database_is_refused(tmp_path):
    save(tmp_path / "elsewhere.png", RGB)
    root = tmp_path / "Cropped"
    root.mkdir()
    (root / "img1.png").symlink_to(tmp_path / "elsewhere.png")
    with pytest.raises(ValueError, match=r"img1\.png leads out of .*Cropped"):
        frames.check_inside(root / "img1.png", root)


def test_links_within_the_database_and_to_the_whole_database_are_fine(tmp_path):
    root = tmp_path / "Cropped"
    root.mkdir()
    save(root / "img1.png", RGB)
    (root / "img2.png").symlink_to(root / "img1.png")
    (tmp_path / "link").symlink_to(root)
    frames.check_inside(root / "img2.png", root)
    frames.check_inside(tmp_path / "link" / "img2.png", tmp_path / "link")
