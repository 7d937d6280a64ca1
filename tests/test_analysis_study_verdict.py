"""What a study says of worlds with a known answer; never more than its controls allow."""

import dataclasses
import functools
import math

import pandas as pd
import pytest
import study_world

from ethnicmer_jax.analysis import intervals, variance_factor
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.conclusion import Verdict
from ethnicmer_jax.analysis.study import estimates
from ethnicmer_jax.analysis.study import groups as study_groups
from ethnicmer_jax.analysis.study import verdict as study_verdict
from ethnicmer_jax.analysis.study.controls import label_differences
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base import labels
from ethnicmer_jax.base.predictions import Predictions

MEMBERS = {"Asian": "asian", "White": "non_asian"}


@functools.cache
def leaning() -> StudyRuns:
    """A world in which ethnicity matters everywhere."""
    return StudyRuns.of(Predictions.from_table(study_world.table(study_world.EVERYWHERE)))


@functools.cache
def universal() -> StudyRuns:
    """A world in which nothing matters."""
    return StudyRuns.of(Predictions.from_table(study_world.table({})))


@functools.cache
def advantages(world) -> dict[str, Advantage]:
    return estimates.advantages(world())


def verdict_on(found, *, confounded=True):
    return study_verdict.of_advantage(found, confounded=confounded)


def test_an_advantage_within_databases_survives():
    verdict = verdict_on(advantages(leaning))
    assert [control.passed for control in verdict.controls] == [True] * 4
    assert verdict.finding.verdict is Verdict.SURVIVES
    assert "the own-group advantage in UF1 is +." in verdict.finding.sentences[0]


def test_an_advantage_between_databases_only_is_not_separable():
    inside = {part: found for part, found in advantages(universal).items() if "within" in part}
    assert len(inside) == 2
    verdict = verdict_on(advantages(leaning) | inside)
    assert verdict.finding.verdict is Verdict.NOT_SEPARABLE
    (sentence,) = verdict.finding.sentences
    assert "it does not survive the control “within databases”: within databases" in sentence


def test_an_advantage_that_no_database_could_confirm_is_not_separable():
    found = {part: one for part, one in advantages(leaning).items() if "within" not in part}
    verdict = verdict_on(found)
    assert verdict.finding.verdict is Verdict.NOT_SEPARABLE
    assert "no comparison within one database was made" in verdict.finding.sentences[0]


def test_an_advantage_that_labels_with_errors_lose_is_no_evidence():
    flipped = {"flipped": advantages(universal)["flipped"]}
    verdict = verdict_on(advantages(leaning) | flipped, confounded=False)
    assert verdict.finding.verdict is Verdict.FAILS_CONTROL
    assert "“labels with errors”" in verdict.finding.sentences[0]


def test_nothing_is_no_evidence_and_says_what_would_have_been_seen():
    found = advantages(universal)
    verdict = verdict_on(found, confounded=False)
    assert verdict.finding.verdict is Verdict.NO_EVIDENCE
    detectable = found["ethnicity"].detectable
    assert 0 < detectable < 0.05
    assert f"with 80% power is about {labels.score(detectable)}" in verdict.finding.sentences[1]


def test_few_placebo_draws_are_no_control():
    found = advantages(leaning)
    few = dataclasses.replace(found["placebo"], per_draw=found["placebo"].per_draw[:18])
    verdict = verdict_on(found | {"placebo": few})
    (placebo,) = (control for control in verdict.controls if control.name == "placebo groups")
    assert placebo.verdict == "not run"
    assert verdict.finding.verdict is Verdict.SURVIVES
    assert "“placebo groups”" not in verdict.finding.sentences[0]
    assert verdict.finding.sentences[-1] == (
        "The control “placebo groups” was not run: 18 placebo draws; p can reach .05 with 19."
    )


def test_differences_on_the_same_subjects_have_the_variance_factor_of_one_side():
    runs, found = leaning(), advantages(leaning)["ethnicity"]
    planned = [one for one in estimates.planned(runs) if one.section == estimates.SAME_SUBJECTS]
    assert len(planned) == 4
    for one in planned:
        counts = [runs.counts(one.part, cell) for cell in (one.first, one.second)]
        single = intervals.estimate([(1.0, counts[0]), (-1.0, counts[1])])
        wider, factor = one.estimate(runs), one.variance_factor(runs)
        tested = int(counts[0].tested.any(axis=0).sum())
        assert factor == variance_factor.of(variance_factor.ONE_SIDE, "", tested)
        spread = math.sqrt(factor.value)
        assert wider.estimate == single.estimate
        assert wider.standard_error == pytest.approx(spread * single.standard_error)
        assert wider.high - wider.low == pytest.approx(spread * (single.high - single.low))
        assert wider.detectable == pytest.approx(spread * single.detectable)
    # Two of them are the sides of the advantage itself.
    sides = [one.estimate(runs) for one in planned[:2]]
    assert [one.estimate for one in sides] == pytest.approx(found.per_side)
    plain = [
        one.standard_error / math.sqrt(planned[0].variance_factor(runs).value) for one in sides
    ]
    halves = math.hypot(*plain) / 2
    own = found.standard_error / math.sqrt(found.factor.value)
    assert own == pytest.approx(halves, rel=0.1)


def test_arms_are_compared_at_a_joint_level_and_mono_is_better_where_groups_differ():
    between = study_verdict.of_arms(leaning(), confounded=True)
    assert [verdict.quantity for verdict in between] == [
        "UF1 of mono Asian minus mono Non-Asian",
        "UF1 of mono Asian minus stereo",
        "UF1 of mono Non-Asian minus stereo",
    ]
    sentences = [verdict.finding.sentences[0] for verdict in between]
    assert all("(98.33% interval)" in sentence for sentence in sentences)
    assert between[0].finding.verdict is Verdict.NO_EVIDENCE
    assert {verdict.finding.verdict for verdict in between[1:]} == {Verdict.SURVIVES}


def test_sides_from_the_same_databases_are_not_confounded_and_others_are():
    assert not study_verdict.confounded(universal())
    rows = study_world.table({}, draws=2)
    torn = rows[(rows.database == "first") == (rows.ethnicity == "Asian")]
    assert study_verdict.confounded(StudyRuns.of(Predictions.from_table(torn)))


@pytest.mark.parametrize(
    ("p_holm", "words"),
    [
        ((0.2, 0.3), "That is no evidence of a difference at this power: permuting"),
        ((0.01, 0.3), "The two tests disagree, so nothing is concluded"),
        ((0.01, math.nan), "One test alone was run, so nothing is concluded: permuting subjects "
         "within databases p = .010, class and database held constant not run (Holm)"),
        ((math.nan, 0.2), "That is no evidence of a difference at this power: permuting subjects "
         "within databases not run"),
        ((0.01, 0.02), "Both tests within databases find a difference: permuting subjects "
         "within databases p = .010, class and database held constant p = .020 (Holm)"),
        ((math.nan, math.nan), "No test within databases was run: too few subjects"),
    ],
)  # fmt: skip
def test_what_is_said_of_groups_follows_from_both_tests(p_holm, words):
    groups = study_groups.analyse(universal(), MEMBERS, study_world.SIDES)
    assert words in study_verdict.of_groups(groups, p_holm)


def test_groups_of_different_databases_are_not_separable():
    rows = study_world.table({}, draws=1)
    torn = rows[(rows.database == "first") == (rows.ethnicity == "Asian")]
    runs = StudyRuns.of(Predictions.from_table(torn))
    groups = study_groups.analyse(runs, MEMBERS, study_world.SIDES)
    said = study_verdict.of_groups(groups, (math.nan, math.nan))
    assert "It is not separable from database: no database tests both groups." in said


def test_groups_agree_with_counts_made_by_hand():
    runs = universal()
    groups = study_groups.analyse(runs, MEMBERS, study_world.SIDES)
    rows = runs.select("pooled").table
    answer = rows[["p_negative", "p_positive", "p_surprise"]].idxmax(axis=1).str[2:]
    share = (answer == rows.emotion).groupby(rows.ethnicity).mean()
    assert groups.recognised == pytest.approx((share["Asian"], share["White"]))
    assert groups.cohen_h == pytest.approx(
        2 * math.asin(math.sqrt(share["Asian"])) - 2 * math.asin(math.sqrt(share["White"]))
    )
    assert list(groups.scores.n_clips) == [120, 120]
    gaps = groups.gaps.set_index("gap")["value"]
    assert gaps["Accuracy, best minus worst group"] == pytest.approx(abs(share.diff().iloc[-1]))
    by_class = groups.classes.pivot(index="emotion", columns="part", values="recall")
    spread = (by_class["asian"] - by_class["non_asian"]).abs()
    assert (gaps[[f"Equalised odds, {name}" for name in spread.index]].to_numpy()
            >= spread.to_numpy() - 1e-12).all()  # fmt: skip


def test_without_pooled_runs_or_a_group_groups_are_not_compared():
    rows = study_world.table({}, draws=1)
    alone = StudyRuns.of(Predictions.from_table(rows[~rows.run.str.startswith("pooled")]))
    assert study_groups.analyse(alone, MEMBERS, study_world.SIDES) is None
    assert study_groups.analyse(universal(), {"Asian": "asian"}, study_world.SIDES) is None


def test_made_up_labels_that_lose_nothing_lie_around_zero_and_informative_ones_do_not():
    nothing = label_differences(universal())
    assert len(nothing) == 6
    assert list(nothing.label[:3]) == [
        "embed: annotated minus shuffled",
        "embed: annotated minus constant",
        "embed: annotated minus swapped",
    ]
    assert ((nothing.low <= 0) & (nothing.high >= 0)).sum() >= 5
    rows = study_world.table({}, draws=1, labels_help=0.3)
    helpful = label_differences(StudyRuns.of(Predictions.from_table(rows)))
    assert (helpful.low > 0).all()
    assert (helpful.p < 0.05).all()


def test_every_planned_difference_names_its_contrast():
    planned = estimates.planned(universal(), "within_first")
    assert {one.part for one in planned} == {"within_first"}
    flipped = estimates.planned(universal(), "flipped")
    assert [one.label for one in flipped] == [
        "mono Asian minus mono Non-Asian",
        "mono Asian minus Non-Asian → Asian",
        "mono Non-Asian minus Asian → Non-Asian",
    ]
    moved = dataclasses.replace(flipped[0], part="ethnicity").estimate(universal())
    arms = universal().table.query("part == 'ethnicity'").groupby("cell")["uf1"].mean()
    assert moved.estimate == pytest.approx(arms["mono_asian"] - arms["mono_non_asian"])
    assert pd.notna(moved.p_value)
