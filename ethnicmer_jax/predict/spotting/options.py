"""What counts as a candidate."""

from __future__ import annotations

import dataclasses

from ethnicmer_jax.base.schema import UserError


@dataclasses.dataclass(frozen=True)
class SpotOptions:
    """How micro-expressions are looked for; times in seconds, so that they suit any frame rate.

    Attributes:
      threshold: how often the noise of the recording the motion must be; chosen on simulated
        recordings (docs/spotting.md).
      half: about half the length of a micro-expression: a frame is compared with the frames so
        much earlier and later. In CAS(ME)² and SAMM Long Videos the mean length is .37 to .4 s.
      smoothing: standard deviation of the smoothing over time.
      shortest, longest: length of a candidate; a micro-expression lasts at most half a second
        (Yan et al. 2013).
      returns: how much of the way there the way back must be at least, and the reverse: an
        expression that stays is no micro-expression.
      alone: seconds on either side in which at most one more candidate may lie: movements in
        series are speech or chewing.
      rate: frames a second that are looked at, about; faster recordings are thinned out.

    Raises:
      UserError: an option is out of its range.
    """

    threshold: float = 8.0
    half: float = 0.17
    smoothing: float = 0.03
    shortest: float = 0.06
    longest: float = 0.5
    returns: float = 0.5
    alone: float = 1.5
    rate: float = 50.0

    def __post_init__(self) -> None:
        for name in ("threshold", "half", "smoothing", "shortest", "longest", "rate"):
            if not getattr(self, name) > 0:
                raise UserError(f"spotting: {name} must be above 0, got {getattr(self, name)}")
        if not self.shortest < self.longest <= 1:
            raise UserError(
                "spotting: a candidate's length must lie between shortest and longest, and those "
                f"below 1 s, got {self.shortest} and {self.longest}"
            )
        if self.alone < 0:
            raise UserError(f"spotting: alone must not be below 0, got {self.alone}")
        if not 0 <= self.returns <= 1:
            raise UserError(f"spotting: returns must lie in 0 to 1, got {self.returns}")

    def step(self, fps: float) -> int:
        """Every how many frames of a recording one is looked at."""
        return max(1, round(fps / self.rate))
