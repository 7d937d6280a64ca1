"""The source that needs no licence: drawn clips of made-up people, with the truth.

Frames go through the same detector, crop and flow as real ones (`list_clips`). Where
only the statistics of the motion matter, `draw_motion_fields` skips the frames.

Flow computed on the frames correlates with the true motion on the moving region, per clip
over the 242 default clips (median, minimum): TV-L1 .986, .899; Farnebäck .972, .763;
DIS .985, .852.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from data_builders.pixels import flow, stabilise
from data_builders.simulation import estimate, film, laboratories, scenario
from data_builders.simulation.options import SimulatedOptions
from data_builders.simulation.scenario import ClipSpec
from data_builders.sources.base import ClipTask, GivenFlow, Listing
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


@dataclasses.dataclass(frozen=True)
class DrawnField(GivenFlow):
    """A clip of which only the motion is drawn, when it is read.

    Attributes:
      options: of its laboratory.
      spec: what it shows.
    """

    options: SimulatedOptions
    spec: ClipSpec

    def flow(self, size: int, stabilise: str) -> tuple[np.ndarray, str]:
        """See `GivenFlow.flow`; bit for bit that of `draw_motion_fields`."""
        return _fields([(self.options, self.spec)], size, stabilise)[0]


def list_clips(options: SimulatedOptions) -> Listing:
    """All clips of a simulated database; nothing is drawn yet.

    Returns:
      Tasks with `DrawnClip` motions, or `DrawnField` where `options.drawn` is "fields". Action
      Units are those that really move; the truth is in `extra` (see `truth`).
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
    fields = _fields(clips, size, kind)
    return [
        ClipRecord(_labels(own, spec), *field)
        for (own, spec), field in zip(clips, fields, strict=True)
    ]


def _fields(
    clips: Sequence[tuple[SimulatedOptions, ClipSpec]], size: int, kind: str
) -> list[tuple[np.ndarray, str]]:
    """Flow and unit of clips; those of one do not depend on the others."""
    found: dict[int, tuple[np.ndarray, str]] = {}
    finer = [estimate.FINER if own.regularised > 0 else 1 for own, _ in clips]
    for times in sorted(set(finer)):
        alike = [index for index, each in enumerate(finer) if each == times]
        seen = np.stack([_seen(*clips[index], times * size, times) for index in alike])
        for index, uv in zip(alike, stabilise.without_head(seen, _CROP, kind), strict=True):
            own, spec = clips[index]
            found[index] = _stored(estimate.seen(uv, spec, own, _CROP), size, own)
    return [found[index] for index in range(len(clips))]


def _stored(uv: np.ndarray, size: int, options: SimulatedOptions) -> tuple[np.ndarray, str]:
    if options.flow_bits == 0:
        return flow.to_record(uv, size), "percent_of_width"
    return estimate.as_image(uv, size, options.flow_bits), "normalised"


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
    labels = _labels(options, spec)
    if options.drawn == "fields":
        return ClipTask(labels, DrawnField(options, spec))
    return ClipTask(labels, DrawnClip(spec, options.sensor_noise, options.jpeg))


def _seen(options: SimulatedOptions, spec: ClipSpec, size: int, finer: float) -> np.ndarray:
    """What an estimate would see on the crop: float32 [size, size, 2] in cells.

    `finer` is how many of the cells there are in one of the record, along a side.
    """
    cells = (np.arange(size) + 0.5) / size * 2.0 - 1.0
    centre, half = spec.pose.to_pixels(_CROP.centre), _CROP.half_side * spec.pose.unit
    xs, ys = centre[0] + half * cells, centre[1] + half * cells
    skin = film.skin_motion(spec, xs, ys)
    per_cell = (skin + film.drift(spec, xs, ys, skin)) * (size / (2.0 * half))
    error = estimate.smooth_error(
        np.random.default_rng(spec.noise), size, options.noise_length * finer, options.noise_spread
    )
    return per_cell + options.flow_noise * size / 100.0 * error
