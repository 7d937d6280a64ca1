"""Which Action Units an emotion shows, and how that may depend on the group.

The universal table holds prototypes of the FACS literature (EMFACS). A dialect is an
invented way of showing the same emotions, made so that some movements mean another
emotion in the other dialect:

  movement   dialect "a"          dialect "b"
  14         negative (contempt)  positive
  1+2        surprise             negative (fear)
  25+26      negative (fear)      surprise
  L12        positive             negative (repression)

Dialects are dealt to ethnicities by convention only; they describe nobody.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from ethnicmer_jax.base.schema import ActionUnit


@dataclasses.dataclass(frozen=True)
class Display:
    """One way of showing an emotion.

    Attributes:
      emotion: the coded emotion, one of schema.EMOTIONS.
      action_units: what moves; a one-sided AU is given on the left, its side is drawn.
    """

    emotion: str
    action_units: tuple[ActionUnit, ...]


DIALECT_OF: Mapping[str, str] = {"White": "a", "Asian": "b"}
"""Ethnicity -> dialect; other ethnicities keep the universal rules whatever the effect."""

_Table = Mapping[str, tuple[tuple[str, str, float], ...]]

UNIVERSAL: _Table = {
    "negative": (
        ("disgust", "4+7", 0.20),
        ("disgust", "4+L10", 0.10),
        ("disgust", "9", 0.10),
        ("disgust", "10+17", 0.05),
        ("repression", "15+17", 0.10),
        ("repression", "24", 0.05),
        ("anger", "4", 0.15),
        ("anger", "4+5+7", 0.05),
        ("sadness", "1+4", 0.05),
        ("sadness", "15", 0.05),
        ("contempt", "L14", 0.05),
        ("fear", "20", 0.05),
    ),
    "positive": (
        ("happiness", "12", 0.35),
        ("happiness", "6+12", 0.35),
        ("happiness", "12+25", 0.15),
        ("happiness", "L12", 0.15),
    ),
    "surprise": (
        ("surprise", "1+2", 0.40),
        ("surprise", "1+2+5", 0.25),
        ("surprise", "1+2+25", 0.15),
        ("surprise", "5+25+26", 0.20),
    ),
}
"""Class -> (coded emotion, Action Units, probability)."""

OTHERS = "others"

_OTHERS: tuple[tuple[str, str, float], ...] = (
    (OTHERS, "L2", 0.30),
    (OTHERS, "17", 0.25),
    (OTHERS, "7", 0.25),
    (OTHERS, "25", 0.20),
)
"""What is no clear emotion; shown alike by all, and by no emotion of the universal table."""

CLASSES = tuple(UNIVERSAL)
"""What `SimulatedOptions.class_shares` are the probabilities of."""

DIALECTS: Mapping[str, _Table] = {
    "a": {
        "negative": (
            ("contempt", "14", 0.30),
            ("fear", "25+26", 0.15),
            ("disgust", "4+7", 0.30),
            ("anger", "4", 0.25),
        ),
        "positive": (
            ("happiness", "6+12", 0.40),
            ("happiness", "12", 0.30),
            ("happiness", "L12", 0.30),
        ),
        "surprise": (
            ("surprise", "1+2", 0.60),
            ("surprise", "1+2+5", 0.40),
        ),
    },
    "b": {
        "negative": (
            ("fear", "1+2", 0.30),
            ("repression", "L12", 0.15),
            ("disgust", "4+7", 0.30),
            ("repression", "15+17", 0.25),
        ),
        "positive": (
            ("happiness", "14", 0.60),
            ("happiness", "6+14", 0.20),
            ("happiness", "6+12", 0.20),
        ),
        "surprise": (
            ("surprise", "25+26", 0.60),
            ("surprise", "5+25", 0.40),
        ),
    },
}
"""Dialect -> class -> (coded emotion, Action Units, probability), at effect 1."""


@functools.lru_cache(maxsize=256)
def displays(
    emotion_class: str, ethnicity: str, effect: float
) -> tuple[tuple[Display, float], ...]:
    """The ways of showing a class of emotions and their probabilities, which sum to one.

    Args:
      emotion_class: one of CLASSES, or OTHERS.
      ethnicity: one of schema.ETHNICITIES.
      effect: 0: the universal rules for everyone; 1: every group's own dialect;
        between them, the mixture of both.
    """
    dialect = DIALECTS.get(DIALECT_OF.get(ethnicity, ""), UNIVERSAL)
    chances: dict[Display, float] = {}
    for table, share in ((UNIVERSAL, 1.0 - effect), (dialect, effect)):
        rows = _OTHERS if emotion_class == OTHERS else table[emotion_class]
        for emotion, codes, probability in rows:
            display = Display(emotion, _parse(codes))
            chances[display] = chances.get(display, 0.0) + share * probability
    return tuple(chances.items())


def _parse(codes: str) -> tuple[ActionUnit, ...]:
    return tuple(ActionUnit.from_code(code) for code in codes.split("+"))


def draw_display(
    rng: np.random.Generator, emotion_class: str, ethnicity: str, effect: float
) -> Display:
    """Draws a display from `displays`, and the side of its one-sided Action Units."""
    choices = displays(emotion_class, ethnicity, effect)
    cumulated = np.cumsum([chance for _, chance in choices])
    index = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
    display, _ = choices[index]
    if rng.random() < 0.5:
        return display
    mirrored = {"L": "R", "R": "L", "": ""}
    units = (dataclasses.replace(au, side=mirrored[au.side]) for au in display.action_units)
    return Display(display.emotion, tuple(units))
