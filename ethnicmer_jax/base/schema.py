"""Vocabularies and record types that every part of the program shares.

Imports nothing of ours. Names follow the field: onset, apex and offset are the
first, the most intense and the last frame of a micro-expression (ME); AU is a
FACS Action Unit; LOSO is leave-one-subject-out.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping

import numpy as np

EMOTIONS = (
    *("negative", "positive", "surprise"),
    *("happiness", "disgust", "repression", "sadness", "fear", "anger", "contempt", "tense"),
    "others",
)
"""The emotions that databases code. Some code `negative` and `positive` only (SMIC); `tense` is
CASME's. What is to be told apart is the business of `class_schemes`, not of the database."""

UNKNOWN = "Unknown"
ETHNICITIES = ("White", "Black", "Asian", "Indian", "Others", UNKNOWN)
"""The codes 0-4 of the reference's annotation, and `Unknown` for abstention."""

GENDERS = ("male", "female", "unknown")

FLOW_CHANNELS = ("u", "v", "strain")

FLOW_UNITS = ("percent_of_width", "normalised")
"""Units in which a clip's flow is stored.

percent_of_width: u and v are displacements onset -> apex in percent of the face
  crop's width, u > 0 towards the image's right, v > 0 downwards; strain is the
  optical strain magnitude (dimensionless, px/px).
normalised: every channel lies in [0, 1] and its zero and scale are lost (8-bit
  flow images, min-max normalised per clip by whoever made them). Same directions.
"""

EMOTION_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("happy", "joy", "amusement"), "happiness"),
    **dict.fromkeys(("disgusted", "disgusting"), "disgust"),
    **dict.fromkeys(("repressed",), "repression"),
    **dict.fromkeys(("sad",), "sadness"),
    **dict.fromkeys(("fearful", "scared", "afraid"), "fear"),
    **dict.fromkeys(("angry",), "anger"),
    **dict.fromkeys(("contemptuous",), "contempt"),
    **dict.fromkeys(("surprised", "surprising", "suprise"), "surprise"),
    **dict.fromkeys(("tension", "tensed"), "tense"),
    **dict.fromkeys(("neg",), "negative"),
    **dict.fromkeys(("pos",), "positive"),
    **dict.fromkeys(("other", "confused", "helpless", "pain", "sympathy"), "others"),
}
"""What sheets write, in lower case -> one of EMOTIONS. The last four are those of CAS(ME)² that
no scheme tells apart; what was written stays in `ClipLabels.raw_emotion`."""

_ACTION_UNIT = re.compile(r"^([LRAUTB]?)(\d{1,2})([A-E]?)$")


def coded_emotion(text: str) -> str:
    """The one of EMOTIONS that a cell means, whatever its case; see EMOTION_SYNONYMS.

    Raises:
      ValueError: it is blank or unknown; the message names those that are known.
    """
    written = text.strip().lower()
    if not written:
        raise ValueError("is blank")
    found = EMOTION_SYNONYMS.get(written, written)
    if found not in EMOTIONS:
        shown = text if len(text) <= 40 else f"{text[:37]}..."
        raise ValueError(f"{shown!r} is unknown; known: {', '.join(EMOTIONS)}")
    return found


@dataclasses.dataclass(frozen=True, order=True)
class ActionUnit:
    """One FACS Action Unit: `L10A` is AU 10 on the left side at intensity A.

    Attributes:
      number: the AU, 1 to 99.
      side: "" (both), "L", "R", or the coders' "A" (asymmetric), "U" (upper),
        "T" and "B" (top and bottom lip).
      intensity: "" (not coded) or "A" (trace) to "E" (maximum).
    """

    number: int
    side: str = ""
    intensity: str = ""

    @classmethod
    def from_code(cls, code: str) -> ActionUnit:
        """Reads one canonical code such as `12`, `L10` or `R14A`.

        Raises:
          ValueError: the code is not a canonical AU code.
        """
        match = _ACTION_UNIT.match(code)
        if match is None:
            raise ValueError(f"{code!r} is not an Action Unit code such as 12, L10 or R14A")
        side, number, intensity = match.groups()
        return cls(int(number), side, intensity)

    def __str__(self) -> str:
        return f"{self.side}{self.number}{self.intensity}"


@dataclasses.dataclass(frozen=True)
class ClipLabels:
    """Which clip it is, and what is known of it besides its pixels.

    Attributes:
      database: database name in lower case, e.g. "casme2".
      subject: subject code within the database; (database, subject) is a person.
      clip: clip code within the subject.
      emotion: the coded emotion, one of EMOTIONS.
      raw_emotion: the same as written in the source.
      action_units: the coded AUs.
      ethnicity: one of ETHNICITIES.
      ethnicity_source: who labelled it ("metadata", "fairface", "human", ...).
      ethnicity_agreement: share in [0, 1] of the subject's votes for this label;
        NaN where it is not known.
      age_decade: decade of life (2 = twenties), -1 unknown.
      gender: one of GENDERS.
      fps: frames per second, NaN unknown.
      onset, apex, offset: frame numbers in the database's own count, -1 unknown.
      extra: further columns, kept as text.
    """

    database: str
    subject: str
    clip: str
    emotion: str
    raw_emotion: str
    action_units: tuple[ActionUnit, ...] = ()
    ethnicity: str = UNKNOWN
    ethnicity_source: str = ""
    ethnicity_agreement: float = math.nan
    age_decade: int = -1
    gender: str = "unknown"
    fps: float = math.nan
    onset: int = -1
    apex: int = -1
    offset: int = -1
    extra: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def identity(self) -> tuple[str, str, str]:
        """(database, subject, clip): what clips are sorted by."""
        return self.database, self.subject, self.clip

    @property
    def key(self) -> str:
        """`database/subject/clip`: unique, and what every table joins on."""
        return clip_key(*self.identity)

    @property
    def person(self) -> str:
        """`database/subject`."""
        return f"{self.database}/{self.subject}"


@dataclasses.dataclass(frozen=True)
class ClipRecord:
    """One micro-expression clip, ready to be packaged.

    Attributes:
      labels: which clip it is, and what is known of it.
      flow: float32 [H, W, 3]; u, v, optical strain from onset to apex.
      flow_unit: one of FLOW_UNITS.
      onset_image: uint8 [S, S, 3] RGB face crop at onset, or None without frames.
      apex_image: uint8 [S, S, 3] RGB face crop at apex, or None without frames.
    """

    labels: ClipLabels
    flow: np.ndarray
    flow_unit: str
    onset_image: np.ndarray | None = None
    apex_image: np.ndarray | None = None


def clip_key(database: str, subject: str, clip: str) -> str:
    """The clip's identity as one string; codes are only unique within their parent."""
    return f"{database}/{subject}/{clip}"


class UserError(Exception):
    """Something the user can mend: printed as one line, no traceback.

    Attributes:
      exit_code: of the command that it ends.
    """

    exit_code = 2
