"""What really moves in a drawn clip, and the square that motion fields are drawn of."""

import numpy as np

from data_builders.simulation import film
from data_builders.simulation.anatomy import FRAME_SIZE
from data_builders.simulation.canvas import Canvas
from data_builders.simulation.drawing import head_outline
from ethnicmer_jax.base.crop import CropGeometry


def true_motion(spec):
    """The drawn motion onset to apex: float32 [400, 400, 2] px, on the onset frame."""
    return film.displacement(spec, spec.apex)


def moving_region(spec, share=0.3):
    """Where the skin moves by so much of the peak: bool [400, 400], onset frame, in the head."""
    axis = np.arange(FRAME_SIZE, dtype=np.float64)
    size = np.linalg.norm(film.skin_motion(spec, axis, axis), axis=-1)
    canvas = Canvas(np.zeros((FRAME_SIZE, FRAME_SIZE, 3), np.float32), spec.pose)
    head = canvas.mask(head_outline(spec.subject.person.anatomy)) > 0.5
    return head & (size >= share * size[head].max())


def crop_box(spec):
    """The square of `draw_motion_fields`: left, top, right, bottom in pixels."""
    geometry = CropGeometry.of_margin()
    (x, y), half = spec.pose.to_pixels(geometry.centre), geometry.half_side * spec.pose.unit
    return tuple(round(value) for value in (x - half, y - half, x + half, y + half))
