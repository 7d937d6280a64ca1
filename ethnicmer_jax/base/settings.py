"""Every setting of the program and what it may be: the one table that refuses a value.

Defaults and comments stand in configs/common.py (of `calibration.*`, in
configs/calibrate.py). `check` looks at values one by one; what does not go together, and
files that have to exist, are the business of `jobs.check`. Nothing here needs JAX, pandas
or OpenCV, so that a wrong value is refused at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from ethnicmer_jax.base.class_schemes import NAMES
from ethnicmer_jax.base.contrast_roles import FAMILIES
from ethnicmer_jax.base.grouping import GROUPINGS
from ethnicmer_jax.base.reportable import BEST_TEST_EPOCH
from ethnicmer_jax.base.run_id import POOLED, STEREO, WRONG_LABELS, mono, wrongly_told
from ethnicmer_jax.base.schema import UserError

SOURCES = (
    *("simulated", "manifest", "smic", "smic_vis", "smic_nir", "casme", "casme2", "samm"),
    *("casme_squared", "casme3", "casme3c", "4dme", "mmew", "dfme"),
)
"""What data.source may name, alone or joined by +: `data_builders.sources.registry` reads them."""


class Rule(Protocol):
    """What a setting may be; `str(rule)` completes the sentence "it must be ..."."""

    def allows(self, value: Any) -> bool:
        """Whether the setting may have this value."""


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole number.

    Attributes:
      low: the smallest.
      high: the largest.
      even: whether only even numbers are allowed.
    """

    low: int
    high: int
    even: bool = False

    def allows(self, value: Any) -> bool:
        """Whether it is an int in the range; a bool is none."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return number and self.low <= value <= self.high and not (self.even and value % 2)

    def __str__(self) -> str:
        kind = "an even number" if self.even else "a whole number"
        return f"{kind} from {self.low:,} to {self.high:,}"


@dataclasses.dataclass(frozen=True)
class Real:
    """A finite number.

    Attributes:
      low: the smallest.
      high: the largest.
      above: whether `low` itself is excluded.
      below: whether `high` itself is excluded.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def allows(self, value: Any) -> bool:
        """Whether it is an int or float in the range; NaN is in none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        over = self.low < value if self.above else self.low <= value
        return over and (value < self.high if self.below else value <= self.high)

    def __str__(self) -> str:
        low = f"above {self.low:,.10g} and" if self.above else f"from {self.low:,.10g} to"
        high = f"below {self.high:,.10g}" if self.below else f"{self.high:,.10g}"
        return f"a number {low} {f'at most {high}' if self.above and not self.below else high}"


@dataclasses.dataclass(frozen=True)
class Flag:
    """True or False."""

    def allows(self, value: Any) -> bool:
        """Whether it is a bool."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "True or False"


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values.

    Attributes:
      of: all of them.
    """

    of: tuple[str | int, ...]

    def allows(self, value: Any) -> bool:
        """Whether it is one of them, and of the same type."""
        return any(type(value) is type(known) and value == known for known in self.of)

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.of))}"


@dataclasses.dataclass(frozen=True)
class Joined:
    """One of several names, or some of them joined by +, each of them once.

    Attributes:
      of: all of them.
    """

    of: tuple[str, ...]

    def allows(self, value: Any) -> bool:
        """Whether it is a str of such names."""
        names = value.split("+") if isinstance(value, str) else [""]
        return len(set(names)) == len(names) and set(names) <= set(self.of)

    def __str__(self) -> str:
        return f"one of {', '.join(self.of)}, or several joined by +"


@dataclasses.dataclass(frozen=True)
class Names:
    """A tuple of different names.

    Attributes:
      of: those that are known; () where any name will do.
      empty: what () stands for; "" where it is not allowed.
    """

    of: tuple[str, ...] = ()
    empty: str = "all of them"

    def allows(self, value: Any) -> bool:
        """Whether it is a tuple or list of such names, each of them once."""
        if not isinstance(value, tuple | list) or not (value or self.empty):
            return False
        texts = all(isinstance(name, str) and name.strip() for name in value)
        return (
            texts
            and len(set(value)) == len(value)
            and (not self.of or all(name in self.of for name in value))
        )

    def __str__(self) -> str:
        known = f" out of {', '.join(self.of)}" if self.of else ""
        empty = f" (none stands for {self.empty})" if self.empty else " (at least one)"
        form = written(self.of[:2] or ("a", "b"))
        return f"a tuple of different names{known}{empty}, written '{form}'"


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of one line.

    Attributes:
      empty: whether it may be empty.
    """

    empty: bool = True

    def allows(self, value: Any) -> bool:
        """Whether it is a str without control characters."""
        return isinstance(value, str) and (value.isprintable()) and bool(self.empty or value)

    def __str__(self) -> str:
        return "a text of one line" if self.empty else "a text of one line, not empty"


@dataclasses.dataclass(frozen=True)
class Reals:
    """A tuple of numbers.

    Attributes:
      each: what every one of them has to be.
      total: what they have to add up to, or None.
      count: how many there have to be; 0 for one or more.
      holds: a number that has to be among them, or None.
    """

    each: Real
    total: float | None = None
    count: int = 0
    holds: float | None = None

    def allows(self, value: Any) -> bool:
        """Whether it is a tuple or list of such numbers."""
        return (
            isinstance(value, tuple | list)
            and (len(value) == self.count if self.count else len(value) > 0)
            and all(map(self.each.allows, value))
            and (self.total is None or math.isclose(sum(value), self.total, abs_tol=1e-6))
            and (self.holds is None or self.holds in value)
        )

    def __str__(self) -> str:
        return (
            f"a tuple of {f'{self.count} numbers' if self.count else 'numbers'}, "
            f"each {self.each}"
            + (f", that add up to {self.total:g}" if self.total is not None else "")
            + (f", {self.holds:g} among them" if self.holds is not None else "")
        )


@dataclasses.dataclass(frozen=True)
class CustomGrouping:
    """Text or mapping for `grouping.grouping`, which reads and checks it."""

    def allows(self, value: Any) -> bool:
        """Whether it is a text of one line or a mapping."""
        return isinstance(value, Mapping) or Text().allows(value)

    def __str__(self) -> str:
        return "a text such as asian=Asian+Indian;non_asian=White+Black"


@dataclasses.dataclass(frozen=True)
class Classes:
    """Text for `class_schemes.parse`, which reads and checks it."""

    def allows(self, value: Any) -> bool:
        """Whether it is a text of one line, not empty."""
        return Text(empty=False).allows(value)

    def __str__(self) -> str:
        return f"one of {', '.join(NAMES)}, or a mapping such as happiness=positive;others="


_SEED = Whole(0, 2**31 - 1)
_SHARE = Real(0, 1)
_SPREAD = Real(0, 3)
_WEIGHT = Real(0, 1000)
_REPEATS = Whole(1, 10_000)
_DRAWS = Whole(1, 100_000)
_PIXELS = Whole(2, 4096)
_PIXELS_OR_OWN = Whole(0, 4096)
_WIDTH = Whole(1, 65_536)
_COUNT = Whole(0, 1_000_000)
_BACKBONE = Choice(
    (
        "ststnet",
        "off_apexnet",
        "dual_inception",
        "rcn",
        "dual_atme",
        "htnet",
        "resnet18",
        "tiny_vit_5m",
        "tiny_vit_21m",
        "swin_b",
        "vgg_face",
    )
)
_INPUT = Choice(("flow", "apex"))
_STRATA = ("none", "group", "database", "group_database")
_CONTRASTS = Names(FAMILIES)
_TOLD = tuple(
    job
    for fusion in ("embed", "bias")
    for job in (fusion, *(wrongly_told(fusion, labels) for labels in WRONG_LABELS))
)
_JOBS = ("arms", "exact", POOLED, *_TOLD)

SIMULATED: Mapping[str, Rule] = {
    "realism": Choice(("none", "public")),
    "seed": Whole(0, 2**32 - 1),
    "effect": _SHARE,
    "appearance": _SHARE,
    "proportions": Real(0, 0.2),
    "cohorts": Text(empty=False),
    "laboratories": Text(),
    "clips_per_subject": Real(1, 10_000),
    "clips_spread": _SPREAD,
    "others": _SHARE,
    "class_shares": Reals(_SHARE, total=1, count=3),
    "class_spread": Real(0, 100),
    "intensity": Real(0, 100),
    "subject_spread": _SPREAD,
    "clip_spread": _SPREAD,
    "habit": _SHARE,
    "omission": _SHARE,
    "mixed": _SHARE,
    "head_jitter": Real(0, 100),
    "head_sway": Real(0, 100),
    "blinks": Real(0, 10),
    "lighting": Real(0, 100),
    "sensor_noise": Real(0, 255),
    "jpeg": Whole(0, 100),
    "fps": Real(5, 1000),
    "flow_noise": Real(0, 100),
    "drawn": Choice(("frames", "fields")),
    "weak": _SHARE,
    "asymmetry": _SPREAD,
    "spread": Real(0.1, 5),
    "diffuse": _SHARE,
    "coupling": _SHARE,
    "irregular": Real(0, 0.5),
    "lids": Real(0, 100),
    "residual": Real(0, 100),
    "noise_length": Real(0.7, 14),
    "noise_spread": _SPREAD,
    "roughness": _SPREAD,
    "regularised": Real(0, 100),
    "flow_bits": Whole(0, 16),
}
"""Options of `data_builders.simulation.options.SimulatedOptions`; a config may name any."""

RULES: Mapping[str, Rule] = {
    "name": Text(empty=False),
    "seed": _SEED,
    "classifier": Choice(("network", "svm", "logistic", "network+logistic")),
    "data.source": Joined(SOURCES),
    "data.raw": Text(),
    "data.data_dir": Text(empty=False),
    "data.ethnicity": Text(),
    "data.detector": Choice(("retinaface", "none")),
    "data.flow_method": Choice(("tvl1", "farneback", "dis")),
    "data.stabilise": Choice(("none", "translation", "similarity")),
    "data.flow_size": _PIXELS,
    "data.image_size": _PIXELS,
    "data.classes": Classes(),
    "data.flow_scaling": Choice(("minmax", "median", "rms", "none")),
    "data.standardise": Choice(("none", "database")),
    "data.mirror": Flag(),
    **{f"data.simulated.{name}": rule for name, rule in SIMULATED.items()},
    "protocol.name": Choice(
        (
            *("loso", "composite", "single_database", "lodo", "cross_database", "kfold"),
            *("split", "hold_out", "nested", "draws", "study", "all"),
        )
    ),
    "protocol.final": Flag(),
    "protocol.peek": Choice(("none", BEST_TEST_EPOCH)),
    "protocol.seeds": _REPEATS,
    "protocol.average_seeds": Flag(),
    "protocol.databases": Names(),
    "protocol.grouping": Choice((*GROUPINGS, "custom")),
    "protocol.grouping_custom": CustomGrouping(),
    "protocol.folds": Whole(2, 100_000),
    "protocol.split_column": Text(),
    "protocol.hold_out": Text(),
    "protocol.inner_folds": Whole(2, 1000),
    "protocol.outer_parts": Whole(0, 1000),
    "protocol.arms": Names((mono("asian"), mono("non_asian"), STEREO), empty=""),
    "protocol.draw": Choice(("matched", "seeded", "reference")),
    "protocol.draws": _DRAWS,
    "protocol.draw_seed": _SEED,
    "protocol.subjects": Whole(0, 100_000, even=True),
    "protocol.pool": Text(),
    "protocol.contrasts": _CONTRASTS,
    "protocol.control_draws": _DRAWS,
    "protocol.flip_rate": _SHARE,
    "model.fusion": Choice(("none", "bias", "mtl", "concat", "mean", "embed", "adversarial")),
    "model.emotion_backbone": _BACKBONE,
    "model.ethnic_backbone": _BACKBONE,
    "model.emotion_input": _INPUT,
    "model.ethnic_input": _INPUT,
    "model.image_size": _PIXELS_OR_OWN,
    "model.ethnic_image_size": _PIXELS_OR_OWN,
    "model.emotion_options": Text(),
    "model.ethnic_options": Text(),
    "model.ethnic_target": Choice(("ethnicity", "group")),
    "model.ethnic_labels": Choice(("annotated", "shuffled", "constant", "swapped")),
    "model.dropout": Real(0, 1, below=True),
    "model.embed_source": Choice(("posterior", "label")),
    "model.embed_size": _WIDTH,
    "model.embed_stop_gradient": Flag(),
    "model.adversarial_target": Choice(("", "database", "ethnicity", "group")),
    "model.adversarial_strength": _WEIGHT,
    "model.adversarial_hidden": _WIDTH,
    "model.adversarial_width": _WIDTH,
    "model.adversarial_pace": _WEIGHT,
    "model.compute_dtype": Choice(("float32", "bfloat16")),
    "shallow.features": Choice(("backbone", "pixels", "grid")),
    "shallow.grid": Whole(1, 4096),
    "shallow.c": Real(0, 1e6),
    "init.path": Text(),
    "init.freeze": Flag(),
    "init.ethnic_path": Text(),
    "init.ethnic_freeze": Flag(),
    "loss.emotion_weight": _WEIGHT,
    "loss.ethnic_weight": _WEIGHT,
    "loss.class_balanced": Flag(),
    "loss.ethnic_balanced": Flag(),
    "loss.label_smoothing": Real(0, 1, below=True),
    "loss.prior_adjustment": Real(0, 4),
    "loss.balanced_over": Choice(_STRATA),
    "loss.robust": Choice(_STRATA),
    "loss.robust_step": _WEIGHT,
    "optim.learning_rate": Real(0, 1000),
    "optim.schedule": Choice(("exponential", "cosine", "constant")),
    "optim.decay": Real(0, 1, above=True),
    "optim.warmup_epochs": Whole(0, 100_000),
    "optim.weight_decay": _WEIGHT,
    "optim.averaging": Real(0, 1, below=True),
    "optim.epochs": Whole(1, 100_000),
    "optim.batch_size": Whole(1, 1_000_000),
    "augment.rotation": Real(0, 180),
    "augment.translation": _SHARE,
    "augment.zoom": Real(0, 10),
    "augment.amplitude": Real(0, 10),
    "augment.noise": Real(0, 10),
    "augment.region": _SHARE,
    "engine.devices": Whole(0, 65_536),
    "engine.fold_batch": _COUNT,
    "engine.folds_in_flight": _COUNT,
    "study.jobs": Names(_JOBS),
    "study.pooled_seeds": _REPEATS,
    "study.label_seeds": _REPEATS,
    "study.relabellings": Whole(0, 1_000_000),
    "study.exact_draws": _DRAWS,
    "study.exact_deals": _DRAWS,
    "study.exact_folds": Whole(2, 1000),
    "study.exact_stop": Whole(0, 1_000_000),
    "study.exact_statistic": Choice(("probability", "uf1", "uar", "accuracy")),
    "checkpoint.keep": Choice(("every", "final", "none")),
    "calibration.databases": Whole(1, 1_000_000),
    "calibration.power_databases": Whole(1, 1_000_000),
    "calibration.effects": Reals(_SHARE, holds=0),
    "calibration.folds": Whole(2, 1000),
    "calibration.relabellings": _COUNT,
    "calibration.exact_databases": _COUNT,
    "calibration.resamples": Whole(100, 1_000_000),
    "calibration.chunk": Whole(1, 1_000_000),
}
"""Dotted name -> what the setting may be."""

_DESIGN: Mapping[str, Rule] = {
    "label": Text(empty=False),
    "contrasts": Names(_CONTRASTS.of, empty=""),
    "vary_effect": Flag(),
    **{f"databases.*.{name}": rule for name, rule in SIMULATED.items()},
}
"""The settings of one `calibration.designs.NAME`; * is the name of a database."""

_OPTIONAL = ("data.simulated.", "calibration.")
"""Sections of which a config may leave out settings."""


def check(config: Mapping[str, Any]) -> None:
    """Refuses a value that is not possible, a setting that is not known, and one that is missing.

    Args:
      config: plain data, with the settings of configs/common.py.

    Raises:
      UserError: the message names the setting and what it may be.
    """
    values = dict(flattened(config))
    for name, value in values.items():
        rule = rule_of(name)
        if rule is None:
            raise UserError(unknown(name, list(RULES)))
        check_value(name, value, rule)
    for name in RULES:
        if name not in values and not name.startswith(_OPTIONAL):
            raise UserError(f"the setting {name} is missing; configs/common.py has all of them")


def check_value(name: str, value: Any, rule: Rule) -> None:
    """Refuses a value that a rule does not allow.

    Raises:
      UserError: the message has the name, the value and the rule.
    """
    if not rule.allows(value):
        raise UserError(f"{name} is {_shown(value)}; it must be {rule}")


def written(names: Sequence[str]) -> str:
    """Names as a tuple in the form that the command line reads: `("arms","pooled")`."""
    quoted = [f'"{name}"' for name in names]
    return f"({quoted[0]},)" if len(quoted) == 1 else f"({','.join(quoted)})"


def rule_of(name: str) -> Rule | None:
    """What the setting of a dotted name may be; None where there is no such setting."""
    if match := re.fullmatch(r"calibration\.designs\.[^.]+\.(.+)", name):
        return _DESIGN.get(re.sub(r"^databases\.[^.]+\.", "databases.*.", match[1]))
    return RULES.get(name)


def flattened(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every setting; an empty section is a setting itself.

    Args:
      values: nested settings.
      prefix: what stands before the names.
    """
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and name not in RULES:
            yield from flattened(value, f"{name}.")
        else:
            yield name, value


def unknown(name: str, known: list[str]) -> str:
    """The message about a setting that does not exist, with those of a similar name."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    near = f"did you mean {' or '.join(close)}?" if close else "see configs/common.py"
    return f"there is no setting {name!r}; {near}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
