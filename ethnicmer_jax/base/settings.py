"""Every setting of the program and what it may be: the one table that refuses a value.

Defaults and comments stand in configs/common.py (of `calibration.*`, in
configs/calibrate.py). `check` looks at values one by one; what does not go together, and
files that have to exist, are the business of `jobs.check`. Nothing here needs JAX, pandas
or OpenCV, so that a wrong value is refused at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ethnicmer_jax.base.contrast_roles import FAMILIES
from ethnicmer_jax.base.grouping import GROUPINGS
from ethnicmer_jax.base.reportable import BEST_TEST_EPOCH
from ethnicmer_jax.base.run_id import POOLED, STEREO, WRONG_LABELS, mono, wrongly_told
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.base.setting_rules import (
    Choice,
    Classes,
    CustomGrouping,
    Flag,
    Joined,
    Names,
    Real,
    Reals,
    Rule,
    Text,
    Whole,
)

SOURCES = (
    *("simulated", "manifest", "smic", "smic_vis", "smic_nir", "casme", "casme2", "samm"),
    *("casme_squared", "casme3", "casme3c", "4dme", "mmew", "dfme"),
)
"""What data.source may name, alone or joined by +: `data_builders.sources.registry` reads them."""

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
    "data.allow_outside": Flag(),
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
    "optim.divergence": Real(2, 1_000_000),
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
