import importlib
import pathlib

import ml_collections
import pytest

from configs import calibrate, common, megc2019, mono, stereo, svm
from data_builders.simulation.options import SimulatedOptions, from_mapping, parse_cohorts

NAMES = sorted(
    path.stem
    for path in (pathlib.Path(__file__).parents[1] / "configs").glob("*.py")
    if path.stem != "__init__"
)


def flat(config):
    return config.to_dict()


def names(values, prefix=""):
    """Dotted names of all settings."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from names(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("name", NAMES)
def test_every_config_says_what_it_is_and_how_to_run_it(name):
    module = importlib.import_module(f"configs.{name}")
    config = module.get_config()
    assert isinstance(config, ml_collections.ConfigDict)
    assert name == "common" or "Command:" in module.__doc__
    assert config.name.split(":")[0] == name


@pytest.mark.parametrize("name", NAMES)
def test_a_config_only_changes_fields_that_exist(name):
    known = set(names(flat(common.get_config())))
    free = ("sweep.", "calibration.")
    made = set(names(flat(importlib.import_module(f"configs.{name}").get_config())))
    assert {field for field in made - known if not field.startswith(free)} == set()


def test_the_simulated_world_is_that_of_its_own_defaults():
    given = from_mapping(common.get_config().data.simulated.to_dict())
    assert given == SimulatedOptions()


def test_mono_and_stereo_draw_the_same_subjects():
    one, other = mono.get_config("asian"), stereo.get_config()
    for field in ("draw", "draws", "draw_seed", "subjects", "grouping", "seeds"):
        assert one.protocol[field] == other.protocol[field]
    assert one.model == other.model


@pytest.mark.parametrize(
    ("variant", "arms"),
    [
        ("asian", ("mono_asian",)),
        ("non_asian", ("mono_non_asian",)),
        ("", ("mono_asian", "mono_non_asian")),
    ],
)
def test_mono_s_variants_are_its_arms(variant, arms):
    assert mono.get_config(variant).protocol.arms == arms


@pytest.mark.parametrize("variant", ["", "backbone", "pixels", "grid"])
def test_the_svm_s_variants_are_its_features(variant):
    made = svm.get_config(variant)
    assert (made.classifier, made.shallow.features) == ("svm", variant or "backbone")


@pytest.mark.parametrize(
    ("variant", "protocol"),
    [("", "composite"), ("single", "single_database"), ("cross", "cross_database")],
)
def test_megc2019_s_variants_are_its_protocols(variant, protocol):
    assert megc2019.get_config(variant).protocol.name == protocol


def test_another_variant_is_refused():
    with pytest.raises(ValueError, match="variant 'hde': choose one of composite, single, cross"):
        megc2019.get_config("hde")
    with pytest.raises(ValueError, match="variant 'martian': choose asian or non_asian"):
        mono.get_config("martian")
    with pytest.raises(ValueError, match="variant 'hog': choose one of backbone, pixels, grid"):
        svm.get_config("hog")


def test_the_laboratories_of_a_calibration_differ_in_everything_and_one_has_one_group():
    designs = calibrate.get_config("laboratories").calibration.designs
    assert [len(design.databases) for design in designs.values()] == [1, 2, 3]
    last = designs["laboratories_3"].databases
    groups = {name: {c.ethnicity for c in parse_cohorts(own.cohorts)} for name, own in last.items()}
    assert {name: len(own) for name, own in groups.items()} == {
        "simcasme2": 2, "simsamm": 2, "simmmew": 1
    }  # fmt: skip
    assert last.simmmew.effect == 1
