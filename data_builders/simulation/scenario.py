"""Who is filmed and what each clip shows: options in, one `ClipSpec` a clip out.

Every subject and every clip draws from a random stream of its own identity, so that
adding subjects, groups or databases changes nobody else.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

import numpy as np

from data_builders.simulation import nuisance
from data_builders.simulation.anatomy import REST, Pose
from data_builders.simulation.display_rules import CLASSES, OTHERS, Display, draw_display
from data_builders.simulation.motion import PULLS, Movement
from data_builders.simulation.nuisance import Nuisance
from data_builders.simulation.options import Cohort, SimulatedOptions
from data_builders.simulation.people import Person, draw_person
from data_builders.simulation.skin import PLAIN, Skin
from ethnicmer_jax.base.schema import ETHNICITIES, ActionUnit, clip_key

_WEAK = (0.1, 0.6)
"""Amplitude of a weak display, as a share of what it would be."""


@dataclasses.dataclass(frozen=True)
class Subject:
    """One made-up subject.

    Attributes:
      cohort: where they belong.
      code: subject code within the database: the ethnicity's index, then a number.
      person: their looks.
      intensity: their typical AU displacement, percent of the pupils' distance.
      habit: the Action Unit they show out of habit.
      shares: probabilities of display_rules.CLASSES.
      clips: how many clips they have.
    """

    cohort: Cohort
    code: str
    person: Person
    intensity: float
    habit: ActionUnit
    shares: tuple[float, ...]
    clips: int


@dataclasses.dataclass(frozen=True)
class ClipSpec:
    """The whole truth of one clip.

    Attributes:
      subject: who.
      clip: clip code within the subject.
      emotion_class: one of display_rules.CLASSES, or OTHERS.
      emotion: as in schema.ClipLabels.
      movements: the Action Units that really move, with amplitudes.
      pose: where the head is at onset, in the drawn frame.
      apex_pose: where it has drifted to at apex.
      onset, apex, offset: frame numbers.
      noise: seed of what the camera and the flow estimate add.
      fps: frames per second.
      nuisance: blinks, head sway and changes of the light.
      skin: how its motion departs from the table of pulls.
    """

    subject: Subject
    clip: str
    emotion_class: str
    emotion: str
    movements: tuple[Movement, ...]
    pose: Pose
    apex_pose: Pose
    onset: int
    apex: int
    offset: int
    noise: int
    fps: float = 200.0
    nuisance: Nuisance = nuisance.NONE
    skin: Skin = PLAIN

    @property
    def key(self) -> str:
        """`database/subject/clip`."""
        return clip_key(self.subject.cohort.database, self.subject.code, self.clip)


def stream(*identity: object) -> np.random.Generator:
    """A random stream that depends on the identity's text alone."""
    digest = hashlib.sha256("/".join(map(str, identity)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def draw_subjects(options: SimulatedOptions) -> Iterator[Subject]:
    """The cast of a simulated database, cohort by cohort."""
    for cohort in options.cohorts:
        for number in range(1, cohort.subjects + 1):
            code = f"{ETHNICITIES.index(cohort.ethnicity)}{number:02d}"
            yield _draw_subject(options, cohort, code)


def draw_clips(options: SimulatedOptions, subject: Subject) -> Iterator[ClipSpec]:
    """A subject's clips."""
    for number in range(1, subject.clips + 1):
        yield _draw_clip(options, subject, f"{number:02d}")


def _draw_subject(options: SimulatedOptions, cohort: Cohort, code: str) -> Subject:
    rng = stream(options.seed, cohort.database, code)
    person = draw_person(rng, cohort.ethnicity, options.appearance, options.proportions)
    shares = np.array(options.class_shares)
    if options.class_spread > 0:
        shares = rng.dirichlet(shares / options.class_spread + 1e-9)
    # Log-normal around the mean: E exp(N(m, s²)) = exp(m + s²/2).
    spread = options.clips_spread
    extra = (options.clips_per_subject - 1) * rng.lognormal(-(spread**2) / 2, spread)
    return Subject(
        cohort=cohort,
        code=code,
        person=person,
        intensity=options.intensity * float(rng.lognormal(0.0, options.subject_spread)),
        habit=ActionUnit(sorted(PULLS)[int(rng.integers(len(PULLS)))]),
        shares=tuple(map(float, shares)),
        clips=1 + int(rng.poisson(extra)),
    )


def _draw_clip(options: SimulatedOptions, subject: Subject, clip: str) -> ClipSpec:
    rng = stream(options.seed, subject.cohort.database, subject.code, clip)
    ethnicity = subject.cohort.ethnicity
    emotion_class = _pick(rng, CLASSES, subject.shares)
    display = draw_display(rng, emotion_class, ethnicity, options.effect)
    shown = display.action_units
    if others := _draw_others(options, subject, clip):
        display, shown = others, others.action_units
    if rng.random() < options.mixed:
        after = CLASSES.index(emotion_class) + int(rng.integers(1, 3))
        other = CLASSES[after % len(CLASSES)]
        shown = draw_display(rng, other, ethnicity, options.effect).action_units
    pose = draw_pose(rng)
    onset = int(rng.integers(20, 200))
    apex = onset + _frames(int(rng.integers(12, 40)), options.fps)
    return ClipSpec(
        subject=subject,
        clip=clip,
        emotion_class=OTHERS if others else emotion_class,
        emotion=display.emotion,
        movements=_uneven(options, subject, clip, draw_movements(rng, options, subject, shown)),
        pose=pose,
        apex_pose=_drift(rng, pose, options.head_jitter),
        onset=onset,
        apex=apex,
        offset=apex + _frames(int(rng.integers(12, 40)), options.fps),
        noise=int(rng.integers(2**31)),
        fps=options.fps,
        nuisance=_draw_nuisance(options, subject, clip),
        skin=_draw_skin(options, subject, clip),
    )


def _draw_others(options: SimulatedOptions, subject: Subject, clip: str) -> Display | None:
    """From a stream of its own: a clip that is none of the others is the same with and without."""
    rng = stream(options.seed, subject.cohort.database, subject.code, clip, OTHERS)
    if rng.random() >= options.others:
        return None
    return draw_display(rng, OTHERS, subject.cohort.ethnicity, options.effect)


def _draw_nuisance(options: SimulatedOptions, subject: Subject, clip: str) -> Nuisance:
    """From a stream of its own: a clip is the same with and without."""
    rng = stream(options.seed, subject.cohort.database, subject.code, clip, "nuisance")
    return nuisance.draw(rng, options.blinks, options.head_sway, options.lighting)


def _uneven(
    options: SimulatedOptions, subject: Subject, clip: str, movements: tuple[Movement, ...]
) -> tuple[Movement, ...]:
    """The movements of a clip, some weak and one side ahead; from a stream of its own."""
    rng = stream(options.seed, subject.cohort.database, subject.code, clip, "uneven")
    strength = float(rng.uniform(*_WEAK)) if rng.random() < options.weak else 1.0
    balances = options.asymmetry * rng.normal(size=len(movements))
    return tuple(
        dataclasses.replace(moved, amplitude=strength * moved.amplitude, balance=float(balance))
        for moved, balance in zip(movements, balances, strict=True)
    )


def _draw_skin(options: SimulatedOptions, subject: Subject, clip: str) -> Skin:
    """From a stream of its own; lids go together but for a tenth of their way."""
    rng = stream(options.seed, subject.cohort.database, subject.code, clip, "skin")
    seed, both, (left, right) = int(rng.integers(2**31)), rng.laplace(), rng.laplace(size=2)
    lids = options.lids / np.sqrt(2) * np.array([both + 0.1 * left, both + 0.1 * right])
    return Skin(
        seed=seed,
        spread=options.spread,
        diffuse=options.diffuse,
        coupling=options.coupling,
        irregular=options.irregular,
        lids=(float(lids[0]), float(lids[1])),
    )


def _frames(count: int, fps: float) -> int:
    """How many frames go by in the time of `count` frames at 200 fps, at least one."""
    return max(1, round(count * fps / 200.0))


def _pick(rng: np.random.Generator, names: tuple[str, ...], shares: tuple[float, ...]) -> str:
    index = np.searchsorted(np.cumsum(shares), rng.random() * sum(shares), side="right")
    return names[min(int(index), len(names) - 1)]


def draw_movements(
    rng: np.random.Generator,
    options: SimulatedOptions,
    subject: Subject,
    shown: tuple[ActionUnit, ...],
) -> tuple[Movement, ...]:
    """What really moves of the Action Units of a display, and how far."""
    seen = [au for au in shown if rng.random() >= options.omission]
    units = seen or [shown[int(rng.integers(len(shown)))]]
    if rng.random() < options.habit and subject.habit.number not in {au.number for au in units}:
        units.append(subject.habit)
    factors = rng.lognormal(0.0, options.clip_spread, len(units))
    return tuple(
        Movement(au, float(subject.intensity * factor))
        for au, factor in zip(units, factors, strict=True)
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    """A head near the middle of the drawn frame, a little nearer, farther or tilted."""
    x, y = rng.normal((REST.x, REST.y), 4.0)
    unit = REST.unit * rng.lognormal(0.0, 0.02)
    return Pose(float(x), float(y), float(unit), float(rng.normal(0.0, 0.02)))


def _drift(rng: np.random.Generator, pose: Pose, jitter: float) -> Pose:
    """The pose after an involuntary movement."""
    return nuisance.moved(pose, *(jitter * rng.normal(size=4)))
