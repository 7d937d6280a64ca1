"""The source that needs no licence: drawn clips of made-up people, with the truth.

Frames go through the same detector, crop and flow as real ones (`list_clips`). Where
only the statistics of the motion matter, `draw_motion_fields` skips the frames.

Flow computed on the frames correlates with the true motion on the moving region, per clip
over the 242 default clips (median, minimum): TV-L1 .986, .899; Farnebäck .972, .763;
DIS .985, .852.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np

from data_builders.pixels import flow, stabilise
from data_builders.simulation import film, laboratories, scenario
from data_builders.simulation.options import SimulatedOptions
from data_builders.simulation.scenario import ClipSpec
from data_builders.sources.base import ClipTask, Listing
from ethnicmer_jax.base.crop import CropGeometry
from ethnicmer_jax.base.schema import ClipLabels, ClipRecord

ETHNICITY_SOURCE = "simulated"

_CROP = CropGeometry.of_margin()
"""The square that `faces` cuts out by default, and that `draw_motion_fields` looks at."""


@dataclasses.dataclass(frozen=True)
class DrawnClip:
    """A clip that is drawn when it is read; a `sources.base.FrameReader`.

    Attributes:
      spec: what it shows.
      sensor_noise: standard deviation of the camera's noise, grey levels.
      jpeg: quality of the camera's compression, 1 to 100; 0 for none.
    """

    spec: ClipSpec
    sensor_noise: float
    jpeg: int = 0

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Onset and apex frame, uint8 [400, 400, 3] RGB."""
        return self.frame(self.spec.onset), self.frame(self.spec.apex)

    def frame(self, number: int) -> np.ndarray:
        """Any frame from onset to offset; see `film.film`."""
        return film.film(self.spec, number, self.sensor_noise, self.jpeg)


def list_clips(options: SimulatedOptions) -> Listing:
    """All clips of a simulated database; nothing is drawn yet.

    Returns:
      Tasks with `DrawnClip` motions. Action Units are those that really move; the
      truth is in `extra` (see `truth`).
    """
    return Listing(tuple(_task(own, spec) for own, spec in _filmed(options)))


def specs(options: SimulatedOptions) -> Iterator[ClipSpec]:
    """The plan of all clips of laboratories alike, in order of cohort, subject and clip."""
    for subject in scenario.draw_subjects(options):
        yield from scenario.draw_clips(options, subject)


def _filmed(options: SimulatedOptions) -> Iterator[tuple[SimulatedOptions, ClipSpec]]:
    """Every clip with the options of the laboratory that films it, in the order of `specs`."""
    for own in laboratories.apart(options):
        for spec in specs(own):
            yield own, spec


def truth(options: SimulatedOptions, spec: ClipSpec) -> dict[str, str]:
    """What is known of a clip because it was made: text, for `ClipLabels.extra`.

    `sim_group` is the ethnicity, `sim_aus` reads `4:2.61+L10:1.80` with amplitudes in
    percent of the pupils' distance; `sim_effect`, `sim_appearance`, `sim_proportions` and
    `sim_seed` are the options.
    """
    return {
        "sim_group": spec.subject.cohort.ethnicity,
        "sim_aus": "+".join(
            f"{moved.action_unit}:{moved.amplitude:.2f}" for moved in spec.movements
        ),
        "sim_effect": str(options.effect),
        "sim_appearance": str(options.appearance),
        "sim_proportions": str(options.proportions),
        "sim_seed": str(options.seed),
    }


def draw_motion_fields(
    options: SimulatedOptions, size: int = 28, kind: str = stabilise.DEFAULT
) -> list[ClipRecord]:
    """The clips of `list_clips` as flow records, without drawing a frame.

    The flow is the true motion on a crop around the face plus a smooth error of
    `options.flow_noise`: far faster than frames, for studies of many databases.

    Args:
      options: what to simulate.
      size: height and width of the flow.
      kind: what of the head's movement is taken out of it, one of `stabilise.KINDS`.

    Returns:
      Records in percent_of_width, with the labels, truth and order of `list_clips`.
    """
    clips = list(_filmed(options))
    seen = np.stack([_seen(own, spec, size) for own, spec in clips])
    still = stabilise.without_head(seen, _CROP, kind)
    return [
        ClipRecord(_labels(own, spec), flow.to_record(uv, size), "percent_of_width")
        for (own, spec), uv in zip(clips, still, strict=True)
    ]


def _labels(options: SimulatedOptions, spec: ClipSpec) -> ClipLabels:
    return ClipLabels(
        database=spec.subject.cohort.database,
        subject=spec.subject.code,
        clip=spec.clip,
        emotion=spec.emotion,
        raw_emotion=spec.emotion,
        action_units=tuple(moved.action_unit for moved in spec.movements),
        ethnicity=spec.subject.cohort.ethnicity,
        ethnicity_source=ETHNICITY_SOURCE,
        ethnicity_agreement=1.0,
        fps=options.fps,
        onset=spec.onset,
        apex=spec.apex,
        offset=spec.offset,
        extra=truth(options, spec),
    )


def _task(options: SimulatedOptions, spec: ClipSpec) -> ClipTask:
    return ClipTask(_labels(options, spec), DrawnClip(spec, options.sensor_noise, options.jpeg))


def _seen(options: SimulatedOptions, spec: ClipSpec, size: int) -> np.ndarray:
    """What an estimate would see on the crop: float32 [size, size, 2] in cells."""
    cells = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    centre, half = spec.pose.to_pixels(_CROP.centre), _CROP.half_side * spec.pose.unit
    xs, ys = centre[0] + half * cells, centre[1] + half * cells
    skin = film.skin_motion(spec, xs, ys)
    per_cell = (skin + film.drift(spec, xs, ys, skin)) * (size / (2.0 * half))
    error = _smooth_noise(np.random.default_rng(spec.noise), size)
    return per_cell + options.flow_noise * size / 100.0 * error


def _smooth_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Smooth noise [size, size, 2] of unit deviation."""
    white = rng.standard_normal((size, size, 2), dtype=np.float32)
    sigma = 1.0
    # A Gaussian filter divides white noise's deviation by 2 sigma sqrt(pi).
    return cv2.GaussianBlur(white, (0, 0), sigma) * np.float32(2.0 * sigma * np.sqrt(np.pi))
