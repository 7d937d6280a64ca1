"""Candidates: peaks of the score that come back within half a second, with onset and offset."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import find_peaks

from ethnicmer_jax.predict.spotting import excursions
from ethnicmer_jax.predict.spotting.excursions import Excursions
from ethnicmer_jax.predict.spotting.options import SpotOptions
from ethnicmer_jax.predict.spotting.windows import Motion

_RISE = 1.5
"""An expression that rises as half a cosine leaves its onset, before half its height, 1.5 times
as long as it takes from a quarter to three quarters."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A candidate.

    Attributes:
      onset, apex, offset: frame numbers of the recording; the offset is the last frame.
      score: the motion at the apex in units of the recording's noise.
    """

    onset: int
    apex: int
    offset: int
    score: float


@dataclasses.dataclass(frozen=True)
class Spotted:
    """What was found in a recording.

    Attributes:
      intervals: candidates in order of time, none overlapping.
      numbers: int [n], the frames that were looked at.
      curve: float64 [n], the score; NaN in gaps and where the recording is too short to tell.
      threshold: the score from which on a peak may be a candidate.
      fps: frames per second of the recording.
    """

    intervals: tuple[Interval, ...]
    numbers: np.ndarray
    curve: np.ndarray
    threshold: float
    fps: float

    @property
    def seconds(self) -> np.ndarray:
        """float64 [n]: when each frame is shown, from 0."""
        return (self.numbers - self.numbers[0]) / self.fps

    def at(self, frame: int) -> float:
        """When a frame is shown, in seconds since the first."""
        return float(frame - self.numbers[0]) / self.fps

    @property
    def unseen(self) -> float:
        """Share of the frames about which nothing can be said."""
        return float(np.isnan(self.curve).mean()) if len(self.curve) else 1.0


@dataclasses.dataclass(frozen=True)
class _Peak:
    """A candidate in positions of frames that were read, with fractions."""

    onset: float
    apex: float
    offset: float
    score: float


def spot(motion: Motion, fps: float, options: SpotOptions) -> Spotted:
    """Looks for candidates in the motion of a recording.

    Args:
      motion: see `windows.read`.
      fps: frames per second of the recording, of which `motion.rate` may have been read.
      options: see `SpotOptions`.
    """
    curve = np.full(len(motion.numbers), np.nan)
    peaks: list[_Peak] = []
    found = excursions.in_windows(motion, options)
    usual = excursions.noise(found) if found else np.zeros(0)
    for window in found:
        score = excursions.score(window, usual)
        core = window.core
        curve[window.start + core.start : window.start + core.stop] = score[core]
        peaks += _peaks(window, score, usual, motion.rate, options)
    single = _alone(_apart(peaks), options.alone * motion.rate)
    intervals = tuple(_interval(peak, motion.numbers) for peak in single)
    return Spotted(intervals, motion.numbers, curve, options.threshold, fps)


def _peaks(
    window: Excursions, score: np.ndarray, usual: np.ndarray, rate: float, options: SpotOptions
) -> Iterator[_Peak]:
    """The peaks of a window's core that an expression of the right length explains."""
    lag = max(1, round(options.half * rate))
    padded = np.concatenate([[0.0], score, [0.0]])
    for peak in find_peaks(padded, height=options.threshold, distance=max(1, lag // 2))[0] - 1:
        if not window.core.start <= peak < window.core.stop:
            continue
        curve = excursions.in_pattern(window, peak, usual)
        near = slice(max(0, peak - lag // 2), peak + lag // 2 + 1)
        apex = near.start + int(np.argmax(curve[near]))
        sides = [side(curve[: apex + 1][::-1], options, rate), side(curve[apex:], options, rate)]
        heights = [height for _, height in sides]
        length = sum(reach for reach, _ in sides) / rate
        whole = min(heights) >= options.returns * max(heights) > 0
        if whole and options.shortest <= length <= options.longest:
            onset, offset = apex - sides[0][0], apex + sides[1][0]
            last = len(curve) - 1
            yield _Peak(
                window.start + max(0.0, onset),
                window.start + apex,
                window.start + min(float(last), offset),
                float(score[peak]),
            )


def side(curve: np.ndarray, options: SpotOptions, rate: float) -> tuple[float, float]:
    """One flank of an expression.

    Args:
      curve: float [frames], from the apex outwards.
      options: how long an expression is at most.
      rate: frames a second.

    Returns:
      How many frames it lasts, and how far it comes down.
    """
    curve = curve[: round(options.longest * rate) + 1]
    end = int(np.argmin(curve))
    height = float(curve[0] - curve[end])
    if end == 0:
        return 0.0, 0.0
    high, half, low = (_crossing(curve, curve[end] + share * height) for share in (0.75, 0.5, 0.25))
    return half + _RISE * (low - high), height


def _crossing(curve: np.ndarray, level: float) -> float:
    """Where a curve that begins above a level first falls to it, between frames too."""
    after = int(np.argmax(curve <= level))
    before, at = curve[after - 1], curve[after]
    return after - float((level - at) / (before - at))


def _apart(peaks: Sequence[_Peak]) -> list[_Peak]:
    """The stronger of two that overlap; in order of time."""
    kept: list[_Peak] = []
    for peak in sorted(peaks, key=lambda each: -each.score):
        if all(peak.offset <= one.onset or peak.onset >= one.offset for one in kept):
            kept.append(peak)
    return sorted(kept, key=lambda each: each.apex)


def _alone(peaks: Sequence[_Peak], reach: float) -> Iterator[_Peak]:
    """Those with at most one other within `reach` frames."""
    apexes = np.array([peak.apex for peak in peaks])
    for peak in peaks:
        if (np.abs(apexes - peak.apex) <= reach).sum() <= 2:
            yield peak


def _interval(peak: _Peak, numbers: np.ndarray) -> Interval:
    """The same in frame numbers of the recording."""
    places = np.interp([peak.onset, peak.apex, peak.offset], np.arange(len(numbers)), numbers)
    onset, apex, offset = (round(float(place)) for place in places)
    return Interval(onset, apex, max(offset, apex + 1), peak.score)
