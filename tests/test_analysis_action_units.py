from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.proportion import proportion_confint

from data_builders.sources.action_units import parse
from ethnicmer_jax.analysis.action_units import CodedClips, compare, prevalence
from ethnicmer_jax.base.schema import ActionUnit

GROUPS = ("asian", "non_asian")


def coded(cells, group, person, emotion="positive"):
    """Clips from coding-sheet cells."""
    emotions = [emotion] * len(cells) if isinstance(emotion, str) else emotion
    return CodedClips.of([parse(cell) for cell in cells], emotions, group, person)


@pytest.fixture(scope="module")
def joint(annotations):
    """The 290 clips of the reference's joint table, with its grouping."""
    table = pd.read_csv(annotations / "JointDB_MetaEmotionConcised.csv", dtype=str)
    group = table["RaceConcised"].map({"Asian": "asian", "Non-Asian": "non_asian"})
    assert group.notna().all()
    return coded(
        table["Action Units"],
        group,
        table["Dataset"] + "/" + table["Subject"],
        list(table["EstimatedEmotionConcised"].str.lower()),
    )


def test_a_unit_counts_once_a_clip_whatever_its_side_and_intensity():
    clips = coded(["L12A+R12B", "1+12", "12", ""], ["asian"] * 4, ["d/1"] * 4)
    assert clips.units == (1, 12)
    np.testing.assert_array_equal(clips.present, [[0, 1], [1, 1], [0, 1], [0, 0]])


def test_prevalence_by_hand():
    clips = coded(["6", "6+12", "12", "4"], ["asian"] * 3 + ["non_asian"], list("aabc"))
    table = prevalence(clips, GROUPS).set_index(["group", "au"])
    six = table.loc[("asian", 6)]
    assert (six.n_with, six.n_clips, six.n_persons, six.n_persons_with) == (2, 3, 2, 1)
    assert six.prevalence == pytest.approx(2 / 3)
    assert (six.wilson_low, six.wilson_high) == pytest.approx(
        proportion_confint(2, 3, method="wilson")
    )
    assert table.loc[("non_asian", 4)].prevalence == 1
    assert table.loc[("non_asian", 6)].n_with == 0


def test_the_cluster_interval_is_the_bootstrap_of_persons():
    # With one clip a person the standard error is sqrt(p (1 - p) / n), so the
    # expanded percentile interval is close to the t interval.
    hits = np.arange(100) < 40
    clips = coded(np.where(hits, "6", "12"), ["asian"] * 100, [f"d/{i}" for i in range(100)])
    row = prevalence(clips, ["asian"], n_resamples=20_000).set_index("au").loc[6]
    half = scipy_stats.t.ppf(0.975, 99) * math.sqrt(0.4 * 0.6 / 99)
    assert (row.cluster_low, row.cluster_high) == pytest.approx((0.4 - half, 0.4 + half), abs=0.012)


def test_one_persons_habit_widens_the_cluster_interval_only():
    person = np.repeat([f"d/{i}" for i in range(10)], 10)
    clips = coded(np.where(person < "d/4", "6", "12"), ["asian"] * 100, person)
    row = prevalence(clips, ["asian"]).set_index("au").loc[6]
    assert row.cluster_high - row.cluster_low > 2 * (row.wilson_high - row.wilson_low)


def test_co_occurrence_is_the_prevalence_of_pairs():
    clips = coded(["6+12", "6+12+4", "12", "6"], ["asian"] * 4, list("abcd"))
    pairs = clips.pairs()
    assert pairs.units == ("4+6", "4+12", "6+12")
    table = prevalence(pairs, ["asian"]).set_index("au")
    assert table.loc["6+12"].prevalence == 0.5


@given(st.lists(st.sets(st.integers(1, 8)), min_size=1, max_size=20))
def test_no_pair_is_more_frequent_than_its_parts(cells):
    units = [tuple(map(ActionUnit, cell)) for cell in cells]
    n = len(units)
    clips = CodedClips.of(units, ["e"] * n, ["g"] * n, ["d/s"] * n)
    single = prevalence(clips, ["g"]).set_index("au").prevalence
    for pair in prevalence(clips.pairs(), ["g"]).itertuples():
        assert pair.prevalence <= min(single[int(unit)] for unit in pair.au.split("+")) + 1e-12


def test_permuting_single_clip_persons_is_fishers_question():
    # One clip a person: the permutation distribution is hypergeometric, as Fisher's;
    # doubling the smaller tail, with both tails exact from SciPy.
    hits = np.repeat([1, 0, 1, 0], [9, 11, 3, 17])
    clips = coded(np.where(hits, "6", "12"), np.repeat(GROUPS, 20), [f"d/{i}" for i in range(40)])
    row = compare(clips, GROUPS, n_permutations=40_000).set_index("au").loc[6]
    law = scipy_stats.hypergeom(40, 12, 20)
    assert row.p_permutation == pytest.approx(2 * min(law.sf(8), law.cdf(9)), abs=0.01)
    assert row.p_fisher == pytest.approx(scipy_stats.fisher_exact([[9, 11], [3, 17]]).pvalue)
    assert row.p_within_database == pytest.approx(row.p_permutation, abs=0.01)


def test_one_busy_person_is_one_person():
    # Twelve hits of one person against none: Fisher is impressed, persons are not.
    person = np.concatenate([["d/0"] * 12, [f"d/{i}" for i in range(1, 24)]])
    group = np.where(np.isin(person, [f"d/{i}" for i in range(8)]), *GROUPS)
    clips = coded(np.where(person == "d/0", "6", "12"), group, person)
    row = compare(clips, GROUPS).set_index("au").loc[6]
    assert row.p_fisher < 0.001
    assert row.p_permutation > 0.3
    assert (row.persons_a, row.persons_b) == (1, 0)


def test_a_group_that_is_a_database_is_not_tested():
    clips = coded(
        ["6"] * 10 + ["12"] * 10,
        np.repeat(GROUPS, 10),
        [f"x/{i}" for i in range(10)] + [f"y/{i}" for i in range(10)],
    )
    table = compare(clips, GROUPS)
    assert table["p_within_database"].isna().all()
    assert table["p_holm"].isna().all()
    assert not table["reject"].any()
    assert (table["p_permutation"] < 0.001).all()


def test_a_person_in_both_groups_is_refused():
    clips = coded(["6", "6", "6"], ["asian", "non_asian", "asian"], ["d/1", "d/1", "d/2"])
    with pytest.raises(ValueError, match="d/1 is in both groups"):
        compare(clips, GROUPS, min_clips=1)


def test_rare_units_and_emotions_of_one_group_are_not_tested():
    clips = coded(
        ["6+12"] * 4 + ["6"] + ["12"] * 6,
        ["asian", "non_asian"] * 5 + ["asian"],
        [f"d/{i}" for i in range(11)],
        ["positive"] * 10 + ["surprise"],
    )
    table = compare(clips, GROUPS, min_clips=6)
    assert list(zip(table["emotion"], table["au"], strict=True)) == [("positive", 12)]
    assert compare(clips, GROUPS, min_clips=50).empty


def test_an_emotion_without_a_common_unit_changes_nothing_of_the_others():
    group, person = ["asian", "non_asian"] * 6, [f"d/{i}" for i in range(12)]
    clips = coded(["12"] * 8 + ["4", "9", "5", "1"], group, person, ["positive"] * 8 + ["fear"] * 4)
    assert compare(clips, GROUPS, min_clips=6)["au"].tolist() == [12]
    assert compare(clips, GROUPS, min_clips=6)["au"].dtype.kind == "i"


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_exchanging_the_groups_changes_signs_only(seed):
    rng = np.random.default_rng(seed)
    person = np.repeat([f"d/{i}" for i in range(12)], 4)
    group = np.where(rng.permutation(12) < 6, *GROUPS)[np.repeat(np.arange(12), 4)]
    clips = coded(rng.choice(["6", "12", "6+12"], 48), group, person)
    there, back = (compare(clips, pair, n_permutations=500) for pair in (GROUPS, GROUPS[::-1]))
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there["odds_ratio"], 1 / back["odds_ratio"])
    np.testing.assert_allclose(there["p_fisher"], back["p_fisher"])
    # Different random permutations of the same law: 5 sd of a proportion of 500, doubled.
    np.testing.assert_allclose(there["p_permutation"], back["p_permutation"], atol=0.23)


def test_holds_its_level_though_clips_of_a_person_agree():
    rng = np.random.default_rng(0)
    person = np.repeat([f"d/{i}" for i in range(24)], 5)
    group = np.repeat(GROUPS, 60)
    p_values = []
    for _ in range(100):
        habit = np.repeat(rng.beta(0.4, 0.8, 24), 5)
        clips = coded(np.where(rng.random(120) < habit, "6", ""), group, person)
        p_values.append(compare(clips, GROUPS, n_permutations=199).iloc[0])
    table = pd.DataFrame(p_values)
    assert (table["p_within_database"] <= 0.05).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 100)
    # The reason for permuting persons: Fisher's test does not hold here.
    assert (table["p_fisher"] <= 0.05).mean() > 0.15


def test_the_references_table_gives_the_known_counts(joint):
    table = compare(joint, GROUPS, min_clips=1, n_permutations=2000).set_index(["emotion", "au"])
    six = table.loc[("positive", 6)]
    assert (six.n_with_a, six.n_a, six.n_with_b, six.n_b) == (8, 33, 3, 25)
    assert round(six.p_fisher, 2) == 0.32
    # The three hits outside the Asian group are one person's.
    assert six.persons_b == 1


def test_au_1_is_not_found_inside_other_numbers(joint):
    # 32 clips show AU 1; searching the cells for "1" flags 164.
    assert joint.present[:, joint.units.index(1)].sum() == 32
