"""Tests of groups find what was planted, and what was not they leave alone."""

import numpy as np
import pytest

from ethnicmer_jax.analysis import subject_means

MEASURES = 6
MOUTH = 4
GROUPS = ("asian", "non_asian")


def clips(rng, databases=("casme2", "samm"), persons=10, each=4):
    """(masses, person, group): persons differ from each other; both groups in each database."""
    rows = []
    for database in databases:
        for number in range(persons):
            own = rng.normal(0.1, 0.01, MEASURES)
            for _ in range(each):
                value = own + rng.normal(0, 0.01, MEASURES)
                rows.append((value, f"{database}/{number:02d}", GROUPS[number % 2]))
    masses, person, group = zip(*rows, strict=True)
    return np.array(masses), np.array(person), np.array(group)


def test_a_planted_difference_is_found_where_it_is():
    masses, person, group = clips(np.random.default_rng(0))
    masses[group == "asian", MOUTH] += 0.05
    table = subject_means.compare(masses, person, group, GROUPS)
    mouth = table.loc[MOUTH]
    assert mouth.difference == pytest.approx(0.05, abs=0.01)
    assert mouth.low < 0.05 < mouth.high
    assert mouth.low > 0
    assert mouth.p_within_holm < 0.01
    assert table.p_within.idxmin() == MOUTH
    assert (table.persons_a == 10).all()


def test_a_subject_counts_once_however_many_clips():
    masses = np.full((13, MEASURES), 0.1)
    masses[0] = 0.4
    person = np.array(["a/0"] + ["a/1"] * 9 + ["a/2", "a/3", "a/3"])
    group = np.array(["asian"] * 10 + ["non_asian"] * 3)
    table = subject_means.compare(masses, person, group, GROUPS)
    # (.4 + .1) / 2 by subjects; by clips it would be .13.
    np.testing.assert_allclose(table.mean_a, 0.25)
    np.testing.assert_allclose(table.difference, 0.15)


def test_false_alarms_come_at_their_rate():
    p = []
    for seed in range(25):
        masses, person, group = clips(np.random.default_rng(seed), each=2)
        p.extend(subject_means.compare(masses, person, group, GROUPS, seed).p_within)
    # 150 tests at 5%: 7.5 expected, sd 2.7.
    assert 0 < np.count_nonzero(np.array(p) <= 0.05) <= 16


def test_groups_that_are_databases_cannot_be_told_apart_from_them():
    masses, person, _ = clips(np.random.default_rng(0))
    group = np.where(np.char.startswith(person, "samm"), "asian", "non_asian")
    table = subject_means.compare(masses, person, group, GROUPS)
    assert table.p_within.isna().all()
    assert table.p_unrestricted.notna().all()


def test_too_few_subjects_are_not_tested():
    masses, person, group = clips(np.random.default_rng(0), ("samm",), persons=2)
    table = subject_means.compare(masses, person, group, GROUPS)
    assert table.difference.isna().all()
    assert table.persons_a.tolist() == [1] * MEASURES


def test_means_by_clip_with_intervals_by_subject():
    values = np.array([0.0, 1.0, 1.0, np.nan])
    interval = subject_means.clip_mean(values, np.array(["a", "b", "b", "c"]))
    assert interval.estimate == pytest.approx(2 / 3)
    assert interval.n_persons == 2
    assert interval.low < 2 / 3 < interval.high
