"""Simulated laboratories: each records in its own way, and no other changes for it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import study
from data_builders.simulation import laboratories, own_settings
from data_builders.simulation.options import (
    SimulatedOptions,
    from_mapping,
    from_text,
    parse_cohorts,
)
from data_builders.sources import simulated
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.schema import UserError

PLAIN = SimulatedOptions(
    cohorts=parse_cohorts("sima:Asian:1,simb:White:1:grey,sima:White:1,simc:Asian:1"),
    clips_per_subject=2,
)
OWN = "simb:intensity=5,sensor_noise=9,class_shares=0,0,1,fps=100; simc: effect=1"
APART = dataclasses.replace(PLAIN, laboratories=OWN)


def test_a_laboratory_has_its_own_settings_and_the_others_keep_theirs():
    plain, apart = (simulated.list_clips(options).tasks for options in (PLAIN, APART))
    by_database = {}
    for task in apart:
        by_database.setdefault(task.labels.database, []).append(task)
    assert [t for t in apart if t.labels.database == "sima"] == [
        t for t in plain if t.labels.database == "sima"
    ]
    assert {t.motion.sensor_noise for t in by_database["simb"]} == {9.0}
    assert {t.labels.fps for t in by_database["simb"]} == {100.0}
    assert {t.labels.emotion for t in by_database["simb"]} == {"surprise"}
    assert {t.labels.extra["sim_effect"] for t in by_database["simc"]} == {"1.0"}


def test_clips_keep_the_order_of_cohorts():
    plain, apart = (simulated.list_clips(options).tasks for options in (PLAIN, APART))
    people = [
        list(dict.fromkeys((t.labels.database, t.labels.subject) for t in tasks))
        for tasks in (plain, apart)
    ]
    assert people[0] == people[1]


def test_motion_fields_follow_the_laboratory_too():
    plain, apart = (
        {r.labels.key: r.flow for r in simulated.draw_motion_fields(o, 14)} for o in (PLAIN, APART)
    )
    for key, flow in plain.items():
        if key.startswith(("sima/", "simb/")):
            assert np.array_equal(flow, apart[key]) == key.startswith("sima/")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("simb", "'simb' does not read database:name=value"),
        ("simb:intensity=2;simb:fps=100", "once for each database"),
        ("nobody:fps=100", "nobody has no cohort; there are sima, simb, simc"),
        ("simb:seed=3", "'seed=3' is no setting of one laboratory"),
        ("simb:intensity=loud", "simulated intensity cannot be 'loud'"),
        ("simb:intensity=1000", "simulated intensity is 1000.0; it must be a number from 0 to 100"),
        ("simb:colour=2", "no simulated option is called colour"),
    ],
)
def test_an_impossible_laboratory_is_refused_in_one_line(text, message):
    with pytest.raises(UserError, match=message):
        list(laboratories.apart(dataclasses.replace(PLAIN, laboratories=text)))


names = st.from_regex(r"sim[a-z]{1,5}", fullmatch=True)
settings = st.lists(
    st.sampled_from(["fps=100", "class_shares=0.5,0.25,0.25", "jpeg=80"]), min_size=1
)


@given(st.dictionaries(names, settings, max_size=4))
def test_what_is_written_is_read(own):
    text = ";".join(f"{name}:{','.join(values)}" for name, values in own.items())
    assert own_settings.parse(text) == {name: tuple(values) for name, values in own.items()}


def test_three_laboratories_of_the_study():
    options = from_mapping(study.get_config("laboratories").data.simulated.to_dict())
    groups = {}
    for cohort in options.cohorts:
        groups.setdefault(cohort.database, set()).add(cohort.ethnicity)
    assert sorted(map(len, groups.values())) == [1, 2, 2]
    apart = {own.cohorts[0].database: own for own in laboratories.apart(options)}
    for name in ("sensor_noise", "intensity", "class_shares"):
        assert len({getattr(own, name) for own in apart.values()}) > 1
    assert labels.database("simmmew") == "simulated MMEW"


def test_the_option_is_one_of_the_command_line_too():
    made = from_text(["cohorts=sima:Asian:2,simb:White:2", "laboratories=simb:jpeg=70"])
    assert made.laboratories == "simb:jpeg=70"
