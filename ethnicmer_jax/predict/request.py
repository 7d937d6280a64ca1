"""What is to be predicted, checked as far as it can be without looking at an input."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from data_builders.pixels import faces
from data_builders.sources import cells
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.predict.recordings import Cut, Cutter, whole

Input: TypeAlias = str | os.PathLike[str] | np.ndarray
"""A path, or the frames of one clip, uint8 [frames, H, W, 3] RGB."""

CODED = ("onset", "apex", "offset")


@dataclasses.dataclass(frozen=True)
class Request:
    """Inputs, and what is known of them.

    Attributes:
      inputs: videos, folders of frames, manifests, built databases, arrays of frames.
      onset, apex, offset: of recordings (videos, folders and arrays), as `recordings.Cut` has
        them: one for all of them, or one for each input, in order; () for what is to be found.
      ethnicity: one of `schema.ETHNICITIES` for all clips; "" for what a manifest or database
        says, which of recordings is Unknown.
      person: `database/subject` of the work directory that recordings show, so that no network
        that was taught by this person predicts it; "" for somebody else.
      detector: one of `faces.DETECTORS`; "" for the one of the work directory.
      allow_outside: whether paths in a manifest may lead out of its folder.
      cutter: which parts of a recording are clips, where no frame of it is coded.

    Raises:
      UserError: a value is not possible, whatever the inputs.
    """

    inputs: Sequence[Input]
    onset: Sequence[str] = ()
    apex: Sequence[str] = ()
    offset: Sequence[str] = ()
    ethnicity: str = ""
    person: str = ""
    detector: str = ""
    allow_outside: bool = False
    cutter: Cutter = whole

    def __post_init__(self) -> None:
        if not len(self.inputs):
            raise UserError("name at least one input: a video, a folder of frames, a manifest")
        for name in CODED:
            given = getattr(self, name)
            if len(given) not in (0, 1, len(self.inputs)):
                raise UserError(
                    f"--{name} has {len(given)} values for {len(self.inputs)} inputs: give one "
                    "for all of them, or one for each"
                )
            for value in given:
                # In a table such words, and -1, mean that nobody coded it; here somebody did.
                text = value.strip()
                if text and (text.startswith("-") or cells.is_missing(text)):
                    raise UserError(
                        f"--{name}={value} is no frame: give a number, a file name or a time such "
                        f"as 0.35s, or leave --{name} out"
                    )
        if self.ethnicity:
            try:
                object.__setattr__(self, "ethnicity", cells.ethnicity(self.ethnicity))
            except ValueError as error:
                raise UserError(f"--ethnicity={error}") from None
        if self.person:
            self.labels_of_person()
        if self.detector and self.detector not in faces.DETECTORS:
            raise UserError(f"--detector must be one of {', '.join(faces.DETECTORS)}")

    def coded(self, number: int) -> Cut:
        """What is coded of the input at a position, if it is a recording."""

        def value(given: Sequence[str]) -> str:
            return given[number if len(given) > 1 else 0] if given else ""

        return Cut(value(self.onset), value(self.apex), value(self.offset))

    def labels_of_person(self) -> tuple[str, str]:
        """Database and subject of `person`.

        Raises:
          UserError: it does not read so.
        """
        parts = self.person.split("/")
        try:
            if len(parts) != 2:
                raise ValueError("is not DATABASE/SUBJECT, such as casme2/sub01")
            return cells.name("database", parts[0]), cells.name("subject", parts[1])
        except ValueError as error:
            raise UserError(f"--person={self.person}: {error}") from None
