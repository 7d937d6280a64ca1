"""The cast and the plan: who is filmed, how often, and what group differences they show."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest
from scipy import stats

from data_builders.simulation import options as simulation_options
from data_builders.simulation.display_rules import CLASSES
from data_builders.simulation.options import (
    BALANCED,
    CONFOUNDED,
    Cohort,
    SimulatedOptions,
    parse_cohorts,
)
from data_builders.simulation.scenario import ClipSpec, draw_clips, draw_subjects
from ethnicmer_jax.base.schema import UserError


def plan(**changes: object) -> list[ClipSpec]:
    options = SimulatedOptions(**changes)
    return [spec for subject in draw_subjects(options) for spec in draw_clips(options, subject)]


MANY = parse_cohorts("simcasme2:Asian:60,simcasme2:White:60")


def movement_p_value(effect: float) -> float:
    """Chi² test: do the groups show negative feelings by different Action Units?"""
    tables: dict = collections.defaultdict(collections.Counter)
    for spec in plan(cohorts=MANY, effect=effect, habit=0.0):
        if spec.emotion_class == "negative":
            tables[spec.subject.cohort.ethnicity][spec.emotion] += 1
    names = sorted({name for table in tables.values() for name in table})
    return stats.chi2_contingency([[table[n] for n in names] for table in tables.values()]).pvalue


def test_effect_zero_has_equal_groups_and_effect_one_has_not():
    # About 2 x 270 negative clips, independent given the class. Equal: p is uniform, below
    # .001 for one seed in a thousand. Effect 1: contempt has .30 and 0, repression 0 and
    # .40, so chi² is near 540 * .6, hundreds on 5 degrees of freedom.
    assert movement_p_value(0.0) > 0.001
    assert movement_p_value(1.0) < 1e-12


def test_class_shares_are_those_asked_for():
    specs = plan(cohorts=MANY, class_spread=0.0)
    counts = collections.Counter(spec.emotion_class for spec in specs)
    expected = [len(specs) * share for share in SimulatedOptions().class_shares]
    assert stats.chisquare([counts[name] for name in CLASSES], expected).pvalue > 0.001


def test_others_have_their_share_and_displays_and_change_no_other_clip():
    plain, mixed = (plan(cohorts=MANY, others=share, mixed=0.0) for share in (0.0, 0.3))
    others = [spec for spec in mixed if spec.emotion == "others"]
    # 842 clips: a share of .3 has a standard error of .016.
    assert len(others) / len(mixed) == pytest.approx(0.3, abs=0.05)
    own = {2, 7, 17, 25}
    habits = {spec.subject.habit.number for spec in others}
    assert {m.action_unit.number for spec in others for m in spec.movements} <= own | habits
    kept = {spec.key: spec for spec in mixed if spec.emotion != "others"}
    for spec in plain:
        if spec.key in kept:
            assert kept[spec.key] == spec


def test_clips_per_subject_vary_around_their_mean():
    clips = [subject.clips for subject in draw_subjects(SimulatedOptions(cohorts=MANY))]
    # 1 + Poisson(6 L), E L = 1, Var L = e^.25 - 1: variance 6 + 36 * .284 = 16.2,
    # so the mean of 120 subjects lies within 7 ± 4 * 4.03 / sqrt(120).
    assert abs(np.mean(clips) - 7.0) < 1.5
    assert min(clips) >= 1
    assert len(set(clips)) > 5


def test_intensity_has_a_random_effect_of_the_subject():
    specs = plan(cohorts=MANY, habit=0.0, subject_spread=0.5, clip_spread=0.1)
    logs = collections.defaultdict(list)
    for spec in specs:
        logs[spec.subject.code].extend(np.log(m.amplitude) for m in spec.movements)
    between = np.std([np.mean(values) for values in logs.values()])
    within = np.sqrt(np.mean([np.var(values) for values in logs.values() if len(values) > 4]))
    # 120 subjects: the standard error of a deviation .5 is .5 / sqrt(240) = .032.
    assert between == pytest.approx(0.5, abs=0.13)
    assert within == pytest.approx(0.1, abs=0.02)


def test_habit_and_omission_change_what_is_shown():
    shown = [len(spec.movements) for spec in plan(cohorts=MANY, habit=0.0, omission=0.0)]
    fewer = [len(spec.movements) for spec in plan(cohorts=MANY, habit=0.0, omission=1.0)]
    more = [len(spec.movements) for spec in plan(cohorts=MANY, habit=1.0, omission=0.0)]
    assert set(fewer) == {1}
    assert np.mean(fewer) < np.mean(shown) < np.mean(more)


def test_appearance_zero_hides_the_group():
    def skin(appearance: float) -> tuple[list[float], list[float]]:
        groups = collections.defaultdict(list)
        cohorts = parse_cohorts("db:White:40,db:Black:40")
        for subject in draw_subjects(SimulatedOptions(cohorts=cohorts, appearance=appearance)):
            groups[subject.cohort.ethnicity].append(np.mean(subject.person.skin))
        return groups["White"], groups["Black"]

    assert stats.mannwhitneyu(*skin(0.0)).pvalue > 0.001
    # No overlap of 40 against 40 has probability 2 / binomial(80, 40), about 1e-23.
    assert min(skin(1.0)[0]) > max(skin(1.0)[1])


def test_proportions_part_the_groups_and_leave_display_rules_alone():
    def cast(proportions: float) -> dict[str, list[ClipSpec]]:
        groups = collections.defaultdict(list)
        cohorts = parse_cohorts("db:White:40,db:Asian:40,db:Black:40")
        for spec in plan(cohorts=cohorts, effect=0.0, appearance=0.0, proportions=proportions):
            groups[spec.subject.cohort.ethnicity].append(spec)
        return groups

    def mouth(specs: list[ClipSpec]) -> float:
        return float(np.mean([spec.subject.person.anatomy.mouth_height for spec in specs]))

    same, parted = cast(0.0), cast(0.1)
    # A person's mouth lies at 1.12 +- 4%: the means of 40 persons' clips are known to about .01.
    assert abs(mouth(same["White"]) - mouth(same["Asian"])) < 0.04
    assert mouth(parted["White"]) - mouth(same["White"]) == pytest.approx(0.1, abs=0.002)
    assert mouth(parted["Asian"]) - mouth(same["Asian"]) == pytest.approx(-0.1, abs=0.002)
    assert mouth(parted["Black"]) == mouth(same["Black"])
    for group, specs in same.items():
        assert [spec.movements for spec in parted[group]] == [spec.movements for spec in specs]


def test_confounded_and_balanced_casts_are_what_they_say():
    def ethnicities(cohorts: tuple[Cohort, ...], database: str) -> dict[str, int]:
        return {c.ethnicity: c.subjects for c in cohorts if c.database == database}

    assert set(ethnicities(CONFOUNDED, "simcasme2")) == {"Asian"}
    assert set(ethnicities(CONFOUNDED, "simsamm")) == {"Asian", "White"}
    for database in ("simcasme2", "simsamm"):
        assert ethnicities(BALANCED, database) == {"Asian": 7, "White": 7}
    assert 24 <= sum(cohort.subjects for cohort in CONFOUNDED) <= 30


def test_a_cast_goes_by_its_name():
    assert parse_cohorts("balanced") == BALANCED
    assert simulation_options.from_mapping({"cohorts": "confounded"}).cohorts == CONFOUNDED
    with pytest.raises(UserError, match="casts with a name are confounded, balanced"):
        parse_cohorts("unbalanced")


def test_subject_codes_are_unique_in_a_database_beyond_a_hundred():
    cohorts = parse_cohorts("db:White:150,db:Black:150")
    codes = [subject.code for subject in draw_subjects(SimulatedOptions(cohorts=cohorts))]
    assert len(set(codes)) == 300


def test_options_come_from_a_config():
    options = simulation_options.from_mapping(
        {"effect": 1.0, "cohorts": "db:White:3, db:Asian:2", "class_shares": [0.5, 0.25, 0.25]}
    )
    assert options == SimulatedOptions(
        effect=1.0,
        cohorts=(Cohort("db", "White", 3), Cohort("db", "Asian", 2)),
        class_shares=(0.5, 0.25, 0.25),
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"effect": 1.5}, "simulated effect is 1.5; it must be a number from 0 to 1"),
        ({"effect": float("nan")}, "effect is nan"),
        ({"sensor_noise": -1.0}, "sensor_noise is -1.0; it must be"),
        ({"clips_per_subject": 0}, "from 1 to 10,000"),
        ({"class_shares": (0.5, 0.5)}, "add up to 1"),
        ({"class_shares": (0.9, 0.2, 0.1)}, "add up to 1"),
        ({"cohorts": ()}, "cohorts"),
        ({"cohorts": "a:White:3,a:White:4"}, "one for each"),
        ({"cohorts": "a:White:3,a:Asian:4:grey"}, "all grey or all in colour"),
        ({"cohorts": "a:White"}, "does not read"),
        ({"cohorts": "a:Martian:3"}, "not one of White"),
        ({"cohorts": "a:White:0"}, "at least one subject"),
        ({"proportions": 0.5}, "simulated proportions is 0.5"),
        ({"efect": 1.0}, "no simulated option is called efect"),
    ],
)
def test_impossible_options_are_refused_in_one_line(changes, message):
    with pytest.raises(UserError, match=message) as caught:
        simulation_options.from_mapping(changes)
    assert "\n" not in str(caught.value)


def test_options_are_immutable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SimulatedOptions().effect = 0.0
