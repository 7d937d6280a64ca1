"""Reads frames: 8-bit RGB or grey comes out as RGB, everything else is refused by name.

Micro-expression flow lives in sub-pixel differences, so a frame is never repaired
or guessed at. What changes no pixel value is converted; what would need a guess is
refused with a message that says how to mend the file:

    8-bit grey, bilevel, palette             converted (grey is copied to 3 channels)
    an alpha channel that is opaque all over dropped
    EXIF orientation                         applied
    transparent pixels                       refused: their colour depends on the viewer
    CMYK, Lab, YCbCr TIFF                    refused: the translation to RGB is not unique
    16-bit, 32-bit, floating point, signed   refused: the range that matters is unknown
    truncated, empty, not an image           refused, however much could be decoded
    more pixels than `bounds.PIXELS`         refused by the header: nothing is decoded
"""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ethnicmer_jax.base import bounds

_FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")
_LOSSLESS_TO_RGB = ("RGB", "L", "P", "1")
_WITH_ALPHA = ("RGBA", "RGBa", "LA", "La", "PA")
# Tags of a TIFF: the bits of a sample, its format, the colour model; and values of them.
_BITS, _FORMAT, _PHOTOMETRIC = 258, 339, 262
_UNSIGNED, _YCBCR = 1, 6


class ImageError(ValueError):
    """An image that is none, or one that is refused; the message names the file."""


def read_image(path: pathlib.Path) -> np.ndarray:
    """One frame as uint8 [H, W, 3] RGB.

    Raises:
      ImageError: the file is missing, is no image, is damaged, or holds pixels that
        are not 8-bit RGB or grey; the message names the file and what is wrong.
    """
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not an image")
    if not path.exists():
        raise ImageError(f"{path} is missing")
    if path.stat().st_size == 0:
        raise ImageError(f"{path} is empty (0 bytes): copy it again")
    try:
        with warnings.catch_warnings(), Image.open(path, formats=_FORMATS) as image:
            # Pillow warns of very large images; they are refused here before they are decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if fault := bounds.pixel_fault(*image.size):
                raise ImageError(f"{path} {fault}")
            _check_layout(path, image)
            image.load()
            return np.asarray(_to_rgb(path, ImageOps.exif_transpose(image)))
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not a JPEG, PNG, BMP, TIFF or WebP image") from error
    except Exception as error:  # Pillow's readers fail in a dozen ways on damaged files
        reason = " ".join(str(error).split())[:200]
        raise ImageError(f"{path} is damaged ({reason}): copy it again") from error


def read_pair(onset: pathlib.Path, apex: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """Onset and apex frame, each uint8 [H, W, 3] RGB, of one size.

    Raises:
      ValueError: a frame is unreadable (see `read_image`) or the two differ in size.
    """
    first, second = read_image(onset), read_image(apex)
    if first.shape != second.shape:
        raise ValueError(
            f"{onset.name} is {_size(first)} and {apex.name} is {_size(second)} pixels: "
            "the frames of a clip must be of one size"
        )
    return first, second


def check_inside(path: pathlib.Path, root: pathlib.Path) -> None:
    """Refuses a path that leaves its database, for instance through a symbolic link.

    The database's folder itself may be a link; nothing below it may lead out of it.

    Raises:
      ValueError: the path, links followed, does not lie under `root`.
    """
    target = path.resolve()
    if not target.is_relative_to(root.resolve()):
        raise ValueError(f"{path} leads out of {root}, to {target}: put the file itself there")


def _check_layout(path: pathlib.Path, image: Image.Image) -> None:
    """Refuses pixels that are not 8-bit RGB or grey, before they are decoded."""
    # Pillow halves 16-bit colour silently; only the encoded layout still tells.
    layouts = [args if isinstance(args, str) else args[0] for *_, args in image.tile]
    bits, formats = _samples(image)
    if image.mode[0] in "IF" or any(";16" in layout for layout in layouts) or max(bits) > 8:
        raise ImageError(f"{path} has more than 8 bits a channel: scale it to 8 bits")
    if set(formats) != {_UNSIGNED}:
        raise ImageError(f"{path} has signed samples: scale it to grey levels from 0 to 255")
    mode = "YCbCr" if _is_ycbcr(image) else image.mode
    if mode not in (*_LOSSLESS_TO_RGB, *_WITH_ALPHA):
        raise ImageError(f"{path} is a {mode} image: convert it to RGB or grey")


def _samples(image: Image.Image) -> tuple[Sequence[int], Sequence[int]]:
    """Bits and format of each channel's samples in a TIFF; Pillow overlooks both in places."""
    if image.format != "TIFF":
        return (8,), (_UNSIGNED,)
    return image.tag_v2.get(_BITS, (1,)), image.tag_v2.get(_FORMAT, (_UNSIGNED,))


def _is_ycbcr(image: Image.Image) -> bool:
    """Whether a TIFF holds YCbCr that no JPEG has made; Pillow takes some of these for RGB."""
    if image.format != "TIFF" or image.tag_v2.get(_PHOTOMETRIC) != _YCBCR:
        return False
    return "jpeg" not in image.info.get("compression", "")


def _to_rgb(path: pathlib.Path, image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            raise ImageError(f"{path} has transparent pixels: flatten it to RGB")
    return image.convert("RGB")


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}×{image.shape[0]}"
