import pathlib

import ml_collections
import numpy as np
import pytest

import ethnicmer_jax as em
from configs import common, smoke
from ethnicmer_jax.base import settings


@pytest.mark.parametrize("name", ["smoke", "configs/smoke.py"])
def test_a_config_of_ours_is_found_by_its_name_wherever_we_stand(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert em.config(name).to_dict() == smoke.get_config().to_dict()


def test_a_variant_follows_a_colon():
    assert em.config("ethnic_aware:bias").model.fusion == "bias"
    assert em.config("configs/mono.py:asian").protocol.arms == ("mono_asian",)


def test_a_file_of_one_s_own_is_read(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from configs import common\n\ndef get_config(epochs='3'):\n"
        "    config = common.get_config()\n    config.optim.epochs = int(epochs)\n"
        "    return config\n"
    )
    assert em.config(tmp_path / "mine.py").optim.epochs == 3
    assert em.config(f"{tmp_path}/mine.py:7").optim.epochs == 7


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("import nonsense_of_mine", "nonsense_of_mine"),
        ("x = 1", "get_config"),
        ("def get_config():\n    return {}", "ConfigDict"),
        ("def get_config():\n    return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_file_that_is_no_config_is_refused_in_one_line(content, says, tmp_path):
    (tmp_path / "mine.py").write_text(content)
    with pytest.raises(em.UserError, match=says) as refusal:
        em.config(tmp_path / "mine.py")
    assert "\n" not in str(refusal.value)


def test_a_setting_that_does_not_exist_is_refused_with_those_of_a_similar_name():
    with pytest.raises(em.UserError, match=r"did you mean optim\.epochs"):
        em.config("smoke", {"optim.epoch": 2})


@pytest.mark.parametrize("name", ["smokey", "configs/smokey.py", "no/such.py", "smoke:tiny"])
def test_an_unknown_config_or_variant_is_refused(name):
    with pytest.raises(em.UserError, match=r"smoke|such\.py"):
        em.config(name)


def test_overrides_are_dotted_or_nested_and_leave_the_given_config_alone():
    given = smoke.get_config()
    dotted = em.config(given, {"optim.epochs": 5, "data.simulated.seed": 3})
    nested = em.config(given, {"optim": {"epochs": 5}, "data": {"simulated": {"seed": 3}}})
    assert dotted.to_dict() == nested.to_dict()
    assert (dotted.optim.epochs, given.optim.epochs) == (5, 2)


@pytest.mark.parametrize(
    ("name", "value", "held"),
    [
        ("data.classes", 5, "5"),
        ("data.classes", np.int64(3), "3"),
        ("optim.epochs", np.int32(4), 4),
        ("optim.learning_rate", np.float32(0.5), 0.5),
        ("optim.learning_rate", 1, 1.0),
        ("protocol.databases", ["casme2"], ("casme2",)),
        ("data.raw", pathlib.Path("RAW"), "RAW"),
        ("data.simulated.fps", 100, 100.0),
    ],
)
def test_plain_values_of_python_are_understood(name, value, held):
    section, _, field = name.rpartition(".")
    made = em.config("smoke", {name: value})
    for part in section.split("."):
        made = made[part]
    assert made[field] == held
    assert type(made[field]) is type(held)


@pytest.mark.parametrize("value", [object(), None, float("nan"), b"x"])
def test_no_value_ends_in_anything_but_one_line(value):
    for name in settings.RULES:
        with pytest.raises(em.UserError) as refusal:
            em.config("common", {name: value})
        assert "\n" not in str(refusal.value)


def test_what_is_set_on_a_config_itself_is_judged_by_the_same_table():
    """ml_collections would raise a TypeError of its own where the type is another one."""
    for name, _ in settings.flattened(common.get_config().to_dict()):
        made = common.get_config()
        *sections, field = name.split(".")
        section = made
        for part in sections:
            section = section[part]
        section[field] = b"no value of any setting"
        with pytest.raises(em.UserError, match=name):
            em.config(made)


def test_the_number_of_classes_may_be_a_number():
    made = common.get_config()
    made.data.classes = 5
    assert em.config(made).data.classes == "5"


def test_a_config_is_a_config_dict_that_can_be_changed_further():
    made = em.config("smoke")
    made.optim.epochs = 7
    assert isinstance(made, ml_collections.ConfigDict)
    assert em.config(made).optim.epochs == 7
