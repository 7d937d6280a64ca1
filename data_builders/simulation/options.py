"""What a simulated database is like: its options, and who is filmed where."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from data_builders.simulation import own_settings
from data_builders.simulation.realism import REALISM
from ethnicmer_jax.base import settings
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError


@dataclasses.dataclass(frozen=True)
class Cohort:
    """Subjects of one ethnicity in one database.

    Attributes:
      database: the database's name.
      ethnicity: one of schema.ETHNICITIES but Unknown.
      subjects: how many, at least one.
      grey: whether the database's camera is monochrome.
    """

    database: str
    ethnicity: str
    subjects: int
    grey: bool = False

    def __post_init__(self) -> None:
        if self.ethnicity not in ETHNICITIES or self.ethnicity == UNKNOWN:
            known = ", ".join(ETHNICITIES[:-1])
            raise UserError(f"cohort ethnicity {self.ethnicity!r} is not one of {known}")
        if self.subjects < 1:
            raise UserError(f"a cohort needs at least one subject, not {self.subjects}")


_COHORT = re.compile(r"(\w+):(\w+):(\d+)(:grey)?")

CASTS: Mapping[str, str] = {
    "confounded": "simcasme2:Asian:12,simsamm:Asian:5:grey,simsamm:White:11:grey",
    "balanced": "simcasme2:Asian:7,simcasme2:White:7,simsamm:Asian:7:grey,simsamm:White:7:grey",
}
"""Name -> cohorts as text."""


def parse_cohorts(text: str) -> tuple[Cohort, ...]:
    """Reads `database:ethnicity:subjects[:grey]`, separated by commas, or a key of CASTS.

    Raises:
      UserError: an entry reads otherwise.
    """
    cohorts = []
    for entry in CASTS.get(text.strip(), text).replace(" ", "").split(","):
        match = _COHORT.fullmatch(entry)
        if match is None:
            raise UserError(
                f"cohort {entry!r} does not read database:ethnicity:subjects[:grey]; "
                f"the casts with a name are {', '.join(CASTS)}"
            )
        database, ethnicity, subjects, grey = match.groups()
        cohorts.append(Cohort(database, ethnicity, int(subjects), grey is not None))
    return tuple(cohorts)


CONFOUNDED = parse_cohorts("confounded")
"""As in CASME II and SAMM: one database is all Asian, the other mixed."""

BALANCED = parse_cohorts("balanced")
"""Each group half of each database: ethnicity and database are independent."""


@dataclasses.dataclass(frozen=True)
class SimulatedOptions:
    """What a simulated database is like.

    Attributes:
      seed: the one number that everything random derives from.
      effect: how far display rules depend on the group: 0 universal, 1 strong, where
        some movements mean another emotion in the other group (`display_rules`).
      appearance: how far looks depend on the group: 0 not at all, 1 clearly. They show
        in frames; a classifier finds nothing of them in `draw_motion_fields`.
      proportions: how far the places of brows, nose and mouth depend on the group, in
        pupils' distances to either side of the mean (`people.LENGTH_OF`). What moves lies
        elsewhere then: the group shows in flow though display rules are the same. A
        person's own places vary by about .03.
      cohorts: who is filmed; see CONFOUNDED and BALANCED.
      laboratories: what sets databases apart: `database:name=value,...;database:...`, of
        any option but seed and cohorts; "" for nothing (`own_settings.parse`).
      clips_per_subject: mean number of clips of a subject, at least 1.
      clips_spread: standard deviation of log(expected number of clips) over subjects.
      others: probability that a clip is coded as others, in place of its class; the clips
        that are not are the same as without.
      class_shares: probabilities of display_rules.CLASSES.
      class_spread: how far class shares differ between subjects: 0 not at all; else
        subjects' shares are Dirichlet with concentration 1 / class_spread.
      intensity: median peak displacement of an Action Unit, in percent of the pupils'
        distance; 2.6 is 2 px on the drawn frames.
      subject_spread, clip_spread: standard deviations of log(intensity), a random
        effect of the subject and one of each Action Unit of a clip.
      habit: probability that a clip also shows the subject's own habitual AU.
      omission: probability that an AU of the display stays invisible (never all).
      mixed: probability that a clip shows a display of another class (feelings mix).
      head_jitter: standard deviation of the head's drift from onset to apex in px of
        the drawn frame; by turning and nearing, its edge moves half as much again.
      head_sway: standard deviation of an unsteady movement of the head between any two
        moments in px, beside the steady drift.
      blinks: mean number of blinks per second; people blink every 3 s or so.
      lighting: standard deviation of the change of brightness within a second, in percent,
        over the frame and across it; mains flicker has a quarter of it.
      sensor_noise: standard deviation of the camera's noise in grey levels.
      jpeg: quality of the camera's compression, 1 to 100; 0 for none.
      fps: frames per second.
      flow_noise: standard deviation of the flow estimate's smooth error, in percent of
        the crop's width, for `draw_motion_fields`; 0.07 is what TV-L1 leaves on drawn frames.
      drawn: "frames", from which face and flow are found as for recorded ones, or "fields":
        the motion alone (`draw_motion_fields`), hundreds of times as fast.
      weak: share of clips whose display is a tenth to six tenths as strong.
      asymmetry: standard deviation of log(left over right) of two-sided Action Units.
      spread: factor of how far pulls spread.
      diffuse: share of a pull that spreads twice as far as the rest.
      coupling: how far cheek and jaw follow the mouth, as a share of its motion.
      irregular: standard deviation of where a pull acts, in pupils' distances; its spread and
        direction stray accordingly.
      lids: standard deviation of how far the upper lids move from onset to apex, in percent
        of the pupils' distance.
      residual: what is left of the head's movement in the flow once it is stabilised, in
        percent of the crop's width; this and all that follows for `draw_motion_fields`, which
        also shows the blinks once `blinks` is not 0.
      noise_length: standard deviation of the Gaussian that smooths the flow estimate's error, in
        28ths of the crop.
      noise_spread: standard deviation of log(flow_noise) over the places of a clip.
      roughness: standard deviation of log(found over true motion) over the places of a clip.
      regularised: strength of the total variation that makes flow flat with sharp edges, in
        percent of the crop's width.
      flow_bits: bits of the image that flow is stored as, as public flow is: cells picked, each
        channel of each clip over its own range; 0 for the flow itself.

    Raises:
      UserError: an option is out of its range.
    """

    seed: int = 0
    effect: float = 0.5
    appearance: float = 1.0
    proportions: float = 0.0
    cohorts: tuple[Cohort, ...] = CONFOUNDED
    laboratories: str = ""
    clips_per_subject: float = 7.0
    clips_spread: float = 0.5
    others: float = 0.0
    class_shares: tuple[float, float, float] = (0.65, 0.20, 0.15)
    class_spread: float = 0.1
    intensity: float = 2.6
    subject_spread: float = 0.25
    clip_spread: float = 0.2
    habit: float = 0.1
    omission: float = 0.1
    mixed: float = 0.03
    head_jitter: float = 0.3
    head_sway: float = 0.0
    blinks: float = 0.0
    lighting: float = 0.0
    sensor_noise: float = 1.5
    jpeg: int = 0
    fps: float = 200.0
    flow_noise: float = 0.07
    drawn: str = "frames"
    weak: float = 0.0
    asymmetry: float = 0.0
    spread: float = 1.0
    diffuse: float = 0.0
    coupling: float = 0.0
    irregular: float = 0.0
    lids: float = 0.0
    residual: float = 0.0
    noise_length: float = 1.0
    noise_spread: float = 0.0
    roughness: float = 0.0
    regularised: float = 0.0
    flow_bits: int = 0

    def __post_init__(self) -> None:
        for name, rule in settings.SIMULATED.items():
            if name not in ("realism", "cohorts"):  # read by `from_mapping`
                settings.check_value(f"simulated {name}", getattr(self, name), rule)
        cells = [(cohort.database, cohort.ethnicity) for cohort in self.cohorts]
        if len(set(cells)) < len(cells) or not cells:
            raise UserError("cohorts must be there, one for each database and ethnicity")
        if len({(cohort.database, cohort.grey) for cohort in self.cohorts}) > len(
            {cohort.database for cohort in self.cohorts}
        ):
            raise UserError("a database's cohorts must be all grey or all in colour")
        filmed = dict.fromkeys(cohort.database for cohort in self.cohorts)
        for name in own_settings.parse(self.laboratories):
            if name not in filmed:
                raise UserError(
                    f"simulated laboratories: {name} has no cohort; there are {', '.join(filmed)}"
                )


def from_mapping(values: Mapping[str, Any]) -> SimulatedOptions:
    """Options from a config: cohorts may be text for `parse_cohorts`, shares any sequence.

    `realism` names a set of options, see `realism.REALISM`; those that are given win over it.

    Raises:
      UserError: an option is not known or not in its range.
    """
    values = _with_realism(values)
    known = {field.name: field for field in dataclasses.fields(SimulatedOptions)}
    unknown = [name for name in values if name not in known]
    if unknown:
        raise UserError(
            f"no simulated option is called {', '.join(unknown)}: there are realism, "
            + ", ".join(known)
        )
    given = dict(values)
    if isinstance(given.get("cohorts"), str):
        given["cohorts"] = parse_cohorts(given["cohorts"])
    if "class_shares" in given:
        given["class_shares"] = tuple(given["class_shares"])
    return SimulatedOptions(**given)


def from_text(settings: Sequence[str]) -> SimulatedOptions:
    """Options from `name=value` settings; what is not named keeps its default.

    `cohorts` reads `database:ethnicity:subjects[:grey],...`, or `confounded` or `balanced`;
    `class_shares` three numbers separated by commas.

    Raises:
      UserError: a setting reads otherwise, or its value is out of range.
    """
    return from_mapping(_read(settings))


def changed(options: SimulatedOptions, settings: Sequence[str]) -> SimulatedOptions:
    """The options with some of them set as by `from_text`.

    Raises:
      UserError: a setting reads otherwise, or its value is out of range.
    """
    there = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    return from_mapping({**there, **_with_realism(_read(settings))})


def _with_realism(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, and in place of `realism` what it stands for, as far as it is not given."""
    name = values.get("realism", "none")
    settings.check_value("simulated realism", name, settings.SIMULATED["realism"])
    return {**REALISM[name], **{key: value for key, value in values.items() if key != "realism"}}


def _read(given: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    defaults = SimulatedOptions()
    for setting in given:
        name, separator, text = setting.partition("=")
        if not separator:
            raise UserError(f"simulated setting {setting!r} must be name=value")
        try:
            values[name] = _value(getattr(defaults, name, ""), text)
        except ValueError as error:
            raise UserError(f"simulated {name} cannot be {text!r}") from error
    return values


def _value(default: object, text: str) -> object:
    """The text as what its default is: cohorts stay text, a tuple of numbers is split."""
    if isinstance(default, int | float):
        return type(default)(text)
    if isinstance(default, tuple) and isinstance(default[0], float):
        return tuple(map(float, text.split(",")))
    return text
