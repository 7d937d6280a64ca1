"""Figures of maps: group averages on the face, and single clips, right and wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import cv2
import matplotlib
import numpy as np
from jaxtyping import Float, Int, Num, UInt8
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse

from ethnicmer_jax.base import labels
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.data.dataset import Dataset
from ethnicmer_jax.explain import findings
from ethnicmer_jax.explain.findings import Clips
from ethnicmer_jax.explain.folds import ClipMaps
from ethnicmer_jax.explain.views import View
from ethnicmer_jax.report import style
from ethnicmer_jax.report.explained import METHODS
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.training.engine import Engine

EACH = 2
"""Clips shown of each kind."""
SIDE = 112
"""Width and height in px of pictures, and of maps that are drawn on a face."""

Picture = UInt8[np.ndarray, "s s 3"]
"""RGB."""

_CELL = 1.65
"""Inches of a picture with what belongs to it."""
_STRENGTH = 0.75
"""Opacity of a map where it is largest."""
_OUTLINE = (
    (0.0, 0.45, 2.1, 2.75),
    (-0.5, 0.0, 0.5, 0.2),
    (0.5, 0.0, 0.5, 0.2),
    (-0.5, -0.36, 0.6, 0.06),
    (0.5, -0.36, 0.6, 0.06),
    (0.0, 0.62, 0.5, 0.2),
    (0.0, 1.12, 0.8, 0.26),
)
"""Head, eyes, brows, nose and mouth: centre, width and height in face units."""


@dataclasses.dataclass(frozen=True)
class Shown:
    """One clip of a gallery.

    Attributes:
      label: what stands beside it.
      pictures: in the order of the gallery's columns.
    """

    label: str
    pictures: Sequence[Picture]


def averages(trained: ClipMaps, clips: Clips, groups: tuple[str, ...]) -> Iterator[Figure]:
    """Mean maps by group and emotion: the primary map, the others, and the motion itself."""
    if not groups:
        return
    first = findings.primary(trained)
    for name in [first, *(name for name in trained.maps if name != first), findings.MOTION]:
        method, view = name
        maps = clips.motion[trained.clip] if name == findings.MOTION else trained.maps[name]
        means, counts, rows = findings.averages(maps, trained.clip, clips, groups)
        what = METHODS[method]
        if name != findings.MOTION:
            what += f", {view.head} head, {view.branch} branch"
        yield average_maps(
            means,
            counts,
            rows,
            groups,
            clips.crop,
            name=f"average_{method}_{view}",
            caption=f"{what[0].upper()}{what[1:]}: mean over n clips of maps that each sum to 1, "
            "in multiples of the face's mean. Every row has a scale of its own.",
        )


def single_clips(
    trained: ClipMaps, clips: Clips, groups: tuple[str, ...], engine: Engine, seed: int
) -> Iterator[Figure]:
    """Some clips of each group and emotion, right and wrong, drawn by `seed`."""
    view = findings.primary(trained)[1]
    methods = [method for method, other in trained.maps if other == view]
    right = trained.predicted["final"] == engine.targets.emotion[trained.clip]
    rng = np.random.default_rng(seed)
    for group in groups:
        for emotion in engine.targets.emotion_names:
            kind = (clips.group[trained.clip] == group) & (clips.emotion[trained.clip] == emotion)
            rows = [
                int(row)
                for wanted in (kind & right, kind & ~right)
                for row in rng.permutation(np.flatnonzero(wanted))[:EACH]
            ]
            if rows:
                yield gallery(
                    [_shown(trained, row, methods, view, engine) for row in rows],
                    ["clip", *(METHODS[method] for method in methods)],
                    name=f"clips_{group}_{emotion}",
                    caption=f"{labels.group(group)}, {emotion}: {int((kind & right).sum())} of "
                    f"{int(kind.sum())} explained clips are recognised. Maps of the {view.head} "
                    f"head, {view.branch} branch.",
                )


def _shown(
    trained: ClipMaps, row: int, methods: Sequence[str], view: View, engine: Engine
) -> Shown:
    clip = int(trained.clip[row])
    image = picture(engine.dataset, clip)
    said = engine.targets.emotion_names[trained.predicted["final"][row]]
    right = trained.predicted["final"][row] == engine.targets.emotion[clip]
    data = engine.dataset
    parts = (labels.database(data.database[clip]), data.subject[clip], data.clip[clip])
    label = "\n".join([*parts, "right" if right else f"wrong: {said}"])
    laid = [overlay(image, trained.maps[method, view][row]) for method in methods]
    return Shown(label, [image, *laid])


def average_maps(
    means: Float[np.ndarray, "rows groups size size"],
    counts: Int[np.ndarray, "rows groups"],
    rows: Sequence[str],
    groups: Sequence[str],
    crop: CropGeometry,
    *,
    name: str,
    caption: str,
) -> Figure:
    """Mean maps of groups on the outline of a face, and their difference.

    Every row has a scale of its own: classes with few clips have steeper means, beside which
    the others would look flat.

    Args:
      means: each with the sum 1; NaN for no clips.
      counts: the maps that each is the mean of.
      rows: labels, such as emotions.
      groups: the columns; of two, a third column shows first less second.
      crop: geometry of the face crops.
      name: file stem.
      caption: of the figure.
    """
    two = len(groups) == 2
    shown = list(map(labels.group, groups))
    titles = [*shown, *([f"{shown[0]} − {shown[1]}"] if two else [])]
    cells = means * means.shape[-1] ** 2
    with style.styled():
        figure = style.canvas(0.9 + _CELL * len(titles), 0.5 + _CELL * len(rows))
        axes = figure.subplots(len(rows), len(titles), squeeze=False)
        for line, row, n, label in zip(axes, cells, counts, rows, strict=True):
            _row_of_averages(line, row, n, crop)
            line[0].set_ylabel(label)
        _title(axes[0], titles)
        alt = f"Average maps of {', '.join(shown)} by {', '.join(rows)}; numbers in regions.csv."
        wide = figure.get_figwidth() > style.NARROW
        return style.finish(figure, name=name, caption=caption, alt=alt, wide=wide)


def _row_of_averages(
    axes: np.ndarray,
    cells: Float[np.ndarray, "groups size size"],
    counts: Int[np.ndarray, " groups"],
    crop: CropGeometry,
) -> None:
    """The maps of one class on one scale, and their difference on another, with colour bars."""
    n_groups = len(cells)
    top = _largest(cells, 1.0)
    for axis, values, n in zip(axes, cells, counts, strict=False):
        plain = _face(axis, values, style.SEQUENTIAL, (0, top), crop)
        axis.set_xlabel(f"n = {labels.count(n)}")
    _bar(plain, axes[n_groups - 1], "times the mean" if n_groups == 1 else "× mean")
    if len(axes) > n_groups:
        gap = cells[0] - cells[1]
        wide = _largest(np.abs(gap), 0.1)
        image = _face(axes[-1], gap, style.DIVERGING, (-wide, wide), crop)
        axes[-1].set_xlabel(f"n = {counts[0]:,} + {counts[1]:,}")
        _bar(image, axes[-1], "difference")


def _bar(image: AxesImage, axis: Axes, label: str) -> None:
    bar = axis.figure.colorbar(image, ax=axis, location="right", shrink=0.85, pad=0.03, aspect=14)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.ax.locator_params(nbins=4)


def gallery(rows: Sequence[Shown], columns: Sequence[str], *, name: str, caption: str) -> Figure:
    """Single clips, one per row: the picture and what each method lays over it."""
    with style.styled():
        figure = style.canvas(1.6 + _CELL * len(columns), 0.35 + _CELL * len(rows))
        axes = figure.subplots(len(rows), len(columns), squeeze=False)
        for shown, line in zip(rows, axes, strict=True):
            for axis, image in zip(line, shown.pictures, strict=True):
                axis.imshow(image, interpolation="none")
                _bare(axis)
            line[0].set_ylabel(
                shown.label, fontsize=9, rotation=0, ha="right", va="center", labelpad=4
            )
        _title(axes[0], columns)
        wide = figure.get_figwidth() > style.NARROW
        spoken = "; ".join(row.label.replace("\n", " ") for row in rows)
        return style.finish(figure, name=name, caption=caption, alt=f"Maps of {spoken}.", wide=wide)


def picture(dataset: Dataset, clip: int) -> Picture:
    """The apex frame, or the flow where there is none, SIDE px wide.

    Flow is drawn as a colour wheel: the direction is the hue, the length the saturation.
    """
    if dataset.apex_image is not None:
        return cv2.resize(dataset.apex_image[clip], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return cv2.resize(flow_wheel(dataset.flow[clip]), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)


def flow_wheel(flow: Float[np.ndarray, "h w channels"]) -> UInt8[np.ndarray, "h w 3"]:
    """Flow, u and v first, as RGB: white where nothing moves beyond what most of the face does."""
    u, v = np.moveaxis(flow[..., :2] - np.median(flow[..., :2], axis=(0, 1)), -1, 0)
    length = np.hypot(u, v)
    hue = np.degrees(np.arctan2(v, u)) % 360 / 2
    saturation = 255 * length / max(float(length.max()), np.finfo(np.float32).eps)
    wheel = np.stack([hue, saturation, np.full_like(u, 255)], axis=-1).astype(np.uint8)
    return cv2.cvtColor(wheel, cv2.COLOR_HSV2RGB)


def overlay(image: Picture, values: Float[np.ndarray, "h w"]) -> Picture:
    """A map over a picture without its colours, which would mix with the map's.

    Args:
      image: the clip.
      values: the map; what is negative is not shown.

    Returns:
      The largest value of the map is opaque by three quarters.
    """
    side = image.shape[0]
    positive = np.maximum(cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR), 0)
    share = positive / max(float(positive.max()), np.finfo(np.float32).tiny)
    colours = matplotlib.colormaps["inferno"](share)[..., :3] * 255
    grey = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    opacity = _STRENGTH * share[..., None]
    return np.round((1 - opacity) * grey + opacity * colours).astype(np.uint8)


def png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """The PNG file of an RGB image."""
    return cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def _largest(values: Float[np.ndarray, "*shape"], least: float) -> float:
    """The largest defined value, at least `least`; also where nothing is defined."""
    return max(float(np.nan_to_num(values).max()), least)


def _face(
    axes: Axes,
    values: Num[np.ndarray, "size size"],
    cmap: object,
    limits: tuple[float, float],
    crop: CropGeometry,
) -> AxesImage:
    """Draws one map with the outline of an aligned face."""
    fine = cv2.resize(values, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
    image = axes.imshow(
        np.ma.masked_invalid(fine),
        cmap=cmap,
        vmin=limits[0],
        vmax=limits[1],
        extent=(0, 1, 1, 0),
        interpolation="none",
    )
    for x, y, width, height in _OUTLINE:
        centre = crop.to_crop(np.array([x, y]))
        size = (width * crop.distance, height * crop.distance)
        axes.add_patch(Ellipse(centre, *size, fill=False, lw=0.7, ec=style.MUTED))
    axes.set_xlim(0, 1)
    axes.set_ylim(1, 0)
    _bare(axes)
    return image


def _title(axes: Iterable[Axes], titles: Sequence[str]) -> None:
    for axis, title in zip(axes, titles, strict=True):
        axis.set_title(title, fontsize=9.5, fontweight="normal", loc="center")


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
