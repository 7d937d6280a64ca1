"""Figures of one clip: its frames, its motion with the map over it, and the apex curve."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes

from ethnicmer_jax.base import labels
from ethnicmer_jax.explain import figures
from ethnicmer_jax.predict.outcomes import FOUND, source_of_apex
from ethnicmer_jax.predict.pixels import Seen
from ethnicmer_jax.predict.terminal import confidence
from ethnicmer_jax.report import style
from ethnicmer_jax.report.prose import text
from ethnicmer_jax.report.style import Figure

SIDE = figures.SIDE
_PANEL = 1.5
"""Inches."""


@dataclasses.dataclass(frozen=True)
class Panel:
    """A picture with its title."""

    title: str
    image: np.ndarray


def of_clip(seen: Seen, number: int, heat: Float[np.ndarray, "h w"] | None) -> list[Figure]:
    """The figures of a clip.

    Args:
      seen: the clip.
      number: its place on the page, which names the files.
      heat: a map of what the networks look at; None for none.
    """
    found = [frames(seen, number), motion(seen, number, heat), curve(seen, number)]
    return [figure for figure in found if figure is not None]


def frames(seen: Seen, number: int) -> Figure | None:
    """Onset, apex and their difference; None for a clip that comes as flow."""
    onset, apex = seen.record.onset_image, seen.record.apex_image
    if onset is None or apex is None:
        return None
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.int16) for image in (onset, apex)]
    difference = grey[1] - grey[0]
    largest = max(8, int(np.abs(difference).max()))
    shown = (difference / largest * 127 + 128).clip(0, 255).astype(np.uint8)
    numbers = (seen.record.labels.onset, seen.record.labels.apex)
    named = [f" {frame}" if frame >= 0 else "" for frame in numbers]
    return _strip(
        [
            Panel(f"onset{named[0]}", onset),
            Panel(f"apex{named[1]}", apex),
            Panel("difference", np.repeat(shown[..., None], 3, axis=-1)),
        ],
        name=f"frames_{number}",
        caption=text("predict.frames", largest=largest),
        alt=f"Face crops at onset{named[0]} and apex{named[1]} and their difference.",
    )


def motion(seen: Seen, number: int, heat: Float[np.ndarray, "h w"] | None) -> Figure:
    """The flow as a colour wheel, and the map over the apex or, without frames, over the flow."""
    flow = seen.record.flow
    wheel = _picture(figures.flow_wheel(flow))
    panels = [Panel("motion", wheel), Panel("wheel", directions())]
    if heat is not None:
        apex = seen.record.apex_image
        below = wheel if apex is None else _picture(apex)
        panels.append(Panel("map", figures.overlay(below, heat)))
    caption = text("predict.motion", longest=longest(flow, seen.record.flow_unit))
    if heat is not None:
        caption = f"{caption} {text('predict.maps')}"
    return _strip(
        panels,
        name=f"motion_{number}",
        caption=caption,
        alt="Motion from onset to apex as colours"
        + (", and where the evidence of the networks lies." if heat is not None else "."),
    )


def curve(seen: Seen, number: int) -> Figure | None:
    """The curve that the apex was found on; None where it was not found."""
    if seen.found is None or source_of_apex(seen) != FOUND:
        return None
    found = seen.found
    with style.styled():
        figure = style.canvas(4.6, 2.1)
        axes = figure.subplots()
        axes.plot(found.numbers, found.curve, color=style.PALETTE[0])
        axes.axvline(found.number, color=style.PALETTE[1], linestyle="--", linewidth=1.2)
        axes.set_xlabel("frame")
        axes.set_ylabel("motion since onset")
        axes.margins(x=0.01)
        sure = confidence(found.confidence)
        return style.finish(
            figure,
            name=f"curve_{number}",
            caption=text("predict.curve", confidence=sure),
            alt=f"Motion by frame; the apex, frame {found.number}, was found with confidence "
            f"{sure}.",
        )


def longest(flow: Float[np.ndarray, "h w 3"], unit: str) -> str:
    """The length that is fully saturated in `flow_wheel`, in words."""
    u, v = np.moveaxis(flow[..., :2] - np.median(flow[..., :2], axis=(0, 1)), -1, 0)
    if unit != "percent_of_width":
        return "the clip's longest (the file does not tell how long)"
    return f"{labels.decimal(float(np.hypot(u, v).max()))} % of the crop's width"


def directions() -> UInt8[np.ndarray, "side side 3"]:
    """The legend of `flow_wheel`: a disc in which every place has the colour of its direction."""
    axis = np.linspace(-1, 1, SIDE, dtype=np.float32)
    u, v = np.meshgrid(axis, axis)
    inside = np.hypot(u, v) <= 1
    disc = np.stack([u, v, np.zeros_like(u)], axis=-1) * inside[..., None]
    return figures.flow_wheel(disc)


def _picture(image: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "side side 3"]:
    small = image.shape[0] < SIDE
    how = cv2.INTER_CUBIC if small else cv2.INTER_AREA
    return cv2.resize(image, (SIDE, SIDE), interpolation=how)


def _strip(panels: list[Panel], *, name: str, caption: str, alt: str) -> Figure:
    with style.styled():
        figure = style.canvas(_PANEL * len(panels), _PANEL + 0.25)
        row = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, panel in zip(row, panels, strict=True):
            _draw(axes, panel)
        return style.finish(figure, name=name, caption=caption, alt=alt)


def _draw(axes: Axes, panel: Panel) -> None:
    axes.imshow(panel.image, interpolation="none")
    axes.set_title(panel.title, fontsize=9, fontweight="normal", loc="center")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
