"""Jobs on the same clips, compared: known answers, agreement with other places, false alarms."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from made_up_predictions import CLASSES, difference, make, simulate

from ethnicmer_jax.analysis import intervals, paired, permutation
from ethnicmer_jax.analysis.conclusion import Difference
from ethnicmer_jax.analysis.confusion import SCORES
from ethnicmer_jax.analysis.counts import Counts
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.report import comparison_page


def two_sides(rng, n_persons=28, better=0.0):
    """Two models on the same clips whose errors are alike; the second is better by `better`."""
    person, truth, _ = simulate(rng, n_persons)
    hard = np.array([1.8, 0.7, 0.5])[truth] + rng.normal(0, 1, len(truth))
    sides = []
    for shift in (0, better):
        logit = hard + rng.normal(0, 0.5, n_persons)[person] + shift
        right = rng.random(len(truth)) < 1 / (1 + np.exp(-logit))
        sides.append(np.where(right, truth, (truth + rng.integers(1, 3, len(truth))) % 3))
    return person, truth, sides


def made(seed=0, better=0.0, n_persons=28, **how):
    person, truth, sides = two_sides(np.random.default_rng(seed), n_persons, better)
    return {
        name: make(person, truth, answers, **how) for name, answers in zip("AB", sides, strict=True)
    }


def with_runs(table, *runs):
    return Predictions.from_table(pd.concat([table.table.assign(run=run) for run in runs]))


def differences(tables, **how):
    return paired.compare(tables, **how).differences


def one(frame, **wanted):
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_every_score_has_the_difference_and_interval_that_other_places_give():
    tables = made()
    found = paired.compare(tables)
    for score in SCORES:
        row = one(found.differences, section=paired.ALL, score=score)
        wanted = difference(tables["B"], tables["A"], score=score)
        assert (row.estimate, row.low, row.high) == (wanted.estimate, wanted.low, wanted.high)
        assert row.subjects == 28
        assert row.clips == len(tables["A"])
        for name, table in tables.items():
            own = one(found.scores, section=paired.ALL, score=score, name=name)
            interval = intervals.score_intervals(Counts.of(table))[score]
            assert (own.estimate, own.low) == (interval.estimate, interval.low)
    classes = found.differences[found.differences.section == paired.CLASSES]
    assert tuple(classes.part) == CLASSES
    mean = one(found.differences, section=paired.ALL, score="uf1").estimate
    assert classes.estimate.mean() == pytest.approx(mean)


def test_a_large_difference_is_shown_and_its_sign_is_that_of_the_later_job():
    tables = made(better=2.5, n_persons=40)
    row = one(differences(tables), section=paired.ALL, score="uf1")
    assert row.verdict == Difference.HIGHER.value
    assert row.p_holm < 0.01
    assert row.estimate > 0 < row.low
    backwards = one(
        differences({"B": tables["B"], "A": tables["A"]}), section=paired.ALL, score="uf1"
    )
    assert backwards.verdict == Difference.LOWER.value
    assert backwards.estimate == pytest.approx(-row.estimate)
    (sentence,) = paired.compare(tables).conclusions
    assert "B scores higher" in sentence


def test_the_swap_test_has_a_known_answer():
    """Four subjects, each right in one model and wrong in the other: 2 of 16 swaps as extreme."""
    person, truth = np.arange(8), np.array([0, 1, 2, 0, 1, 2, 0, 1])
    right, wrong = make(person, truth, truth), make(person, truth, (truth + 1) % 3)
    tests = permutation.swap(Counts.of(right), Counts.of(wrong), SCORES, n_permutations=50_000)
    test = tests["accuracy"]
    assert test.statistic == 1
    assert test.n_distinct == 2**8
    assert test.p_value == pytest.approx(2 / 2**8, rel=0.25)


def test_few_subjects_who_differ_cannot_be_significant_and_are_not_tested():
    person, truth = np.arange(20), np.arange(20) % 3
    other = truth.copy()
    other[:5] = (other[:5] + 1) % 3
    tables = {"A": make(person, truth, truth), "B": make(person, truth, other)}
    row = one(differences(tables), section=paired.ALL, score="uf1")
    assert np.isnan(row.p)
    assert row.verdict == Difference.NOT_SHOWN.value
    (sentence,) = paired.compare(tables).conclusions
    assert "too few subjects" in sentence


def test_a_job_does_not_differ_from_itself():
    table = made()["A"]
    found = paired.compare({"A": table, "again": table})
    assert (found.differences.estimate == 0).all()
    assert (found.differences.verdict == Difference.NOT_SHOWN.value).all()
    assert found.conclusions == ["again and A have the same scores: no answer differs."]


def test_what_would_be_shown_is_not_said_to_be_shown():
    (text,) = paired.compare(made()).conclusions
    assert "28 subjects would show a difference of about" in text


def test_runs_are_averaged_whatever_their_number_and_order():
    tables = made()
    once = differences(tables)
    seeds = ["loso-seed0", "loso-seed1", "loso-seed2"]
    rows = tables["A"].table.sample(frac=1, random_state=0)
    several = {
        "A": with_runs(dataclasses.replace(tables["A"], table=rows), *seeds),
        "B": with_runs(tables["B"], "loso-seed7", "loso-seed9"),
    }
    again = differences(several)
    pd.testing.assert_series_equal(again.estimate, once.estimate)
    pd.testing.assert_series_equal(again.p, once.p)
    assert set(again.runs) == {"2 and 3"}


def test_holms_correction_is_over_all_clips_and_over_their_parts():
    found = differences(made(better=0.8))
    overall = found[found.section == paired.ALL]
    assert (overall.p_holm <= np.minimum(1, 3 * overall.p)).all()
    assert overall.p_holm.min() == pytest.approx(min(1, 3 * overall.p.min()))
    parts = found[found.section != paired.ALL]
    assert parts.p_holm.min() == pytest.approx(min(1, len(parts) * parts.p.min()))


def test_groups_are_those_of_the_grouping_and_nobodys_ethnicity_is_lost():
    tables = {}
    for name, table in made().items():
        asian = table.table.subject.astype(int) % 2 == 0
        ethnicity = np.where(
            asian, "Asian", np.where(table.table.subject == "1", "Unknown", "White")
        )
        tables[name] = Predictions.from_table(table.table.assign(ethnicity=ethnicity))
    members = {"Asian": "asian", "White": "non_asian"}
    found = paired.compare(tables, members)
    assert found.notes == ()
    few = {
        name: table.select(table.table.subject.astype(int) < 10) for name, table in tables.items()
    }
    (note,) = paired.compare(few, members).notes
    assert "Asian (5), Non-Asian (4)" in note
    groups = found.differences[found.differences.section == paired.GROUPS]
    assert set(groups.part) == {"asian", "non_asian"}
    row = one(groups, part="non_asian", score="uf1")
    assert row.subjects == 13
    white = {n: t.select(t.table.ethnicity == "White") for n, t in tables.items()}
    wanted = difference(white["B"], white["A"])
    assert (row.estimate, row.low, row.high) == (wanted.estimate, wanted.low, wanted.high)


def test_all_pairs_or_those_with_the_first():
    tables = made() | {"C": made(better=1.0)["B"]}
    tables["C"] = tables["B"]
    assert set(zip(*[differences(tables)[c] for c in ("baseline", "name")], strict=True)) == {
        ("A", "B"),
        ("A", "C"),
    }
    assert paired.compare(tables).headline == ["UF1 is shown to differ in none of 2 comparisons."]
    every = differences(tables, all_pairs=True)
    assert set(zip(every.baseline, every.name, strict=True)) == {("A", "B"), ("A", "C"), ("B", "C")}


def counted(person, truth, answers):
    """`Counts.of(make(...))` without the table, which takes longer than all the rest."""
    persons = np.unique(person).astype(str)
    run = np.zeros_like(person)
    return Counts.of_answers(
        ["r"], persons, CLASSES, run=run, person=person, truth=truth, predicted=answers
    )


@pytest.mark.parametrize("n_persons", [12, 28])
def test_pairs_without_a_difference_seldom_seem_to_differ(n_persons):
    """200 simulated pairs, within three standard errors; docs/compare.md has 2,000.

    Scores change in steps of whole clips, so the test errs on the side of too few alarms.
    """
    rng = np.random.default_rng(1)
    n = 200
    alarms = []
    for _ in range(n):
        person, truth, sides = two_sides(rng, n_persons)
        first, second = (counted(person, truth, side) for side in sides)
        tests = permutation.swap(second, first, SCORES, n_permutations=199)
        alarms.append([tests[score].p_value <= 0.05 for score in SCORES])
    rates = np.mean(alarms, axis=0)
    assert (rates < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)).all()
    assert rates[0] > 0.01


def test_results_without_variance_have_no_detectable_difference_on_the_page(tmp_path):
    table = made()["A"]
    found = paired.compare({"A": table, "again": table})
    settings = pd.DataFrame(columns=["setting", "A", "again"])
    page = comparison_page.write(found, settings, tmp_path / "page", simulated=True, command="")
    tables = [pd.read_csv(path) for path in (page.parent / "tables").glob("*.csv")]
    detectable = [rows["detectable"] for rows in tables if "detectable" in rows]
    assert detectable
    assert all(column.isna().all() for column in detectable)
