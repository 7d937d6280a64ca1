"""The table of settings: complete, true of the modules that use it, and of no mercy."""

import importlib
import math
import pathlib
import subprocess
import sys

import pytest

from configs import calibrate, common
from ethnicmer_jax.base import setting_rules, settings
from ethnicmer_jax.base.schema import UserError

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMON = dict(settings.flattened(common.get_config().to_dict()))
CALIBRATE = dict(settings.flattened(calibrate.get_config().to_dict()))
ALL = COMMON | CALIBRATE
NUMBERS = [name for name, value in ALL.items() if type(value) in (int, float)]
TEXTS = [name for name, value in ALL.items() if isinstance(value, str)]
TUPLES = [name for name, value in ALL.items() if isinstance(value, tuple)]
NONSENSE = (math.nan, math.inf, -math.inf, -1, -1.0, 1e300, 10**12, 2**64, True, "1", None, (1,))


def with_value(name, value):
    """The settings of calibrate.py, which are all there are, with another value."""
    values = calibrate.get_config().to_dict()
    *sections, last = name.split(".")
    section = values
    for each in sections:
        section = section[each]
    section[last] = value
    return values


def test_every_setting_has_a_rule_that_its_default_keeps():
    for name, value in ALL.items():
        rule = settings.rule_of(name)
        assert rule is not None, name
        assert rule.allows(value), name
    known = {name for name in settings.RULES if not name.startswith("data.simulated.")}
    assert known == {
        name for name in ALL if not name.startswith(("data.simulated.", "calibration.designs."))
    }


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_every_config_is_possible(path):
    values = importlib.import_module(f"configs.{path.stem}").get_config().to_dict()
    values.pop("sweep", None)
    settings.check(values)


@pytest.mark.parametrize("name", NUMBERS)
def test_no_number_may_be_nonsense(name):
    for value in NONSENSE:
        with pytest.raises(UserError) as caught:
            settings.check(with_value(name, value))
        assert str(caught.value).startswith(f"{name} is "), value
        assert "; it must be " in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [*TEXTS, *TUPLES])
def test_nothing_else_may_be_of_another_type(name):
    for value in (math.nan, 3.5, 7, None, b"x", ((),), (1,), "two\nlines", "\0"):
        with pytest.raises(UserError, match=f"^{name}"):
            settings.check(with_value(name, value))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, rule in settings.RULES.items()
        if isinstance(rule, setting_rules.Choice | setting_rules.Joined)
    ],
)
def test_a_wrong_name_comes_with_the_choices(name):
    with pytest.raises(UserError) as caught:
        settings.check(with_value(name, "nonsense"))
    for choice in settings.RULES[name].of:
        assert str(choice) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protocol.databases", (1,)),
        ("protocol.databases", ("samm", "samm")),
        ("protocol.arms", ()),
        ("protocol.arms", ("mono",)),
        ("protocol.contrasts", ("martian",)),
        ("protocol.subjects", 7),
        ("study.jobs", ("arms", "embedding")),
        ("calibration.effects", (0.5,)),
        ("calibration.effects", (0.0, math.nan)),
        ("calibration.effects", (0.0, 2.0)),
        ("calibration.designs.confounded.contrasts", ("everything",)),
        ("calibration.designs.confounded.databases.simsamm.intensity", math.inf),
        ("optim.learning_rate", 1e6),
        ("optim.decay", 1.5),
        ("model.dropout", 1.0),
        ("data.source", "casme2+casme2"),
        ("data.source", "casme2+"),
        ("data.classes", ""),
        ("data.mirror", 1),
        ("name", ""),
    ],
)
def test_other_values_that_cannot_be(name, value):
    with pytest.raises(UserError, match=f"^{name} is .*; it must be "):
        settings.check(with_value(name, value))


def test_whole_numbers_will_do_for_others():
    settings.check(with_value("optim.weight_decay", 1))


def test_a_setting_that_is_not_known_comes_with_its_neighbours():
    with pytest.raises(UserError, match=r"no setting 'optim.epoch'; did you mean optim.epochs"):
        settings.check({**common.get_config().to_dict(), "optim": {"epoch": 3}})
    with pytest.raises(UserError, match=r"no setting 'calibration.designs.confounded.labels'"):
        settings.check(with_value("calibration.designs.confounded.labels", "x"))


def test_a_setting_that_is_missing_is_named():
    values = common.get_config().to_dict()
    del values["loss"]
    with pytest.raises(UserError, match=r"loss\.emotion_weight is missing"):
        settings.check(values)


def test_settings_that_are_lists_as_in_a_config_json_are_read():
    values = calibrate.get_config().to_dict()
    values["protocol"]["arms"] = ["stereo"]
    values["calibration"]["effects"] = [0.0, 1.0]
    settings.check(values)


def test_the_choices_are_those_of_the_modules_that_use_them():
    from data_builders.pixels import faces, flow
    from data_builders.sources import registry as sources
    from ethnicmer_jax.base.contrast_roles import FAMILIES
    from ethnicmer_jax.base.grouping import GROUPINGS
    from ethnicmer_jax.data import inputs, strata, targets, within_database
    from ethnicmer_jax.jobs import check
    from ethnicmer_jax.models import fusion, registry
    from ethnicmer_jax.protocols import draws
    from ethnicmer_jax.protocols import plan as protocols
    from ethnicmer_jax.training.shallow import classifier

    assert set(check.SHALLOW) == set(classifier.DEFAULT_C)
    known = {
        "classifier": ("network", *check.SHALLOW, *check.MIXED),
        "data.source": sources.SOURCES,
        "data.detector": faces.DETECTORS,
        "data.flow_method": flow.METHODS,
        "data.flow_scaling": inputs.FLOW_SCALINGS,
        "data.standardise": within_database.MODES,
        "protocol.name": protocols.PROTOCOLS,
        "protocol.grouping": (*GROUPINGS, "custom"),
        "protocol.arms": draws.ARMS,
        "protocol.contrasts": FAMILIES,
        "model.fusion": registry.FUSIONS,
        "model.emotion_backbone": registry.BACKBONES,
        "model.ethnic_backbone": registry.BACKBONES,
        "model.emotion_input": inputs.INPUTS,
        "model.ethnic_input": inputs.INPUTS,
        "model.ethnic_target": targets.ETHNIC_TARGETS,
        "model.adversarial_target": ("", *targets.ADVERSARIAL_TARGETS),
        "loss.balanced_over": strata.STRATA,
        "loss.robust": strata.STRATA,
        "model.ethnic_labels": targets.ETHNIC_LABELS,
        "model.embed_source": fusion.EMBED_SOURCES,
        "model.compute_dtype": registry._DTYPES,
    }
    for name, names in known.items():
        assert set(settings.RULES[name].of) == set(names), name


def test_the_jobs_of_a_study_are_those_of_its_plan():
    from ethnicmer_jax.jobs.study import plan

    assert settings.RULES["study.jobs"].of == tuple(job.name for job in plan.jobs(common_study()))


def common_study():
    config = common.get_config()
    config.protocol.name = "study"
    config.study.relabellings = 39
    return config


def test_the_simulated_options_are_those_of_the_simulation():
    import dataclasses

    from data_builders.simulation.options import SimulatedOptions

    # `realism` names a set of the others.
    assert list(settings.SIMULATED) == [
        "realism",
        *(f.name for f in dataclasses.fields(SimulatedOptions)),
    ]


def test_the_table_needs_no_library_that_takes_seconds():
    code = (
        "import sys, ethnicmer_jax.base.settings, ethnicmer_jax.jobs.check, ethnicmer_jax.jobs\n"
        "heavy = {'jax', 'pandas', 'cv2', 'scipy', 'sklearn', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
