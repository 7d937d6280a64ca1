"""What cannot be compared is refused in one line that says why, and what to do."""

import numpy as np
import pytest
from made_up_predictions import join, make

from ethnicmer_jax.analysis import alignment
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import UserError

PERSON, TRUTH = np.repeat(np.arange(6), 2), np.arange(12) % 3


def table(run="loso-seed0", n=12, **how):
    return make(PERSON[:n], TRUTH[:n], TRUTH[:n], run=run, **how)


def changed(made, **columns):
    return Predictions.from_table(made.table.assign(**columns))


def refused(tables, **how):
    with pytest.raises(UserError) as error:
        alignment.align(tables, **how)
    assert "\n" not in str(error.value)
    return str(error.value)


def keys(aligned):
    (arm,) = aligned.arms
    return {name: sorted(part.key) for name, part in arm.tables.items()}


def test_the_order_of_rows_means_nothing():
    shuffled = Predictions.from_table(table().table.sample(frac=1, random_state=0))
    aligned = alignment.align({"A": table(), "B": shuffled})
    assert aligned.notes == []
    assert keys(aligned)["A"] == keys(aligned)["B"]


def test_one_arm_each_is_compared_whatever_it_is_called():
    aligned = alignment.align({"A": table(), "B": table("kfold-seed0")})
    assert [arm.name for arm in aligned.arms] == [""]


def test_fewer_than_two_results_are_refused():
    assert "two or more" in refused({"A": table()})


def test_a_study_is_refused():
    drawn = table("ethnicity.mono_asian-draw0-seed0")
    assert "B is a study" in refused({"A": table(), "B": drawn})
    assert "A is a study" in refused({"A": table("pooled.loso-seed0"), "B": table()})


def test_inner_validation_is_left_out_and_is_no_result_by_itself():
    inner = table("inner.samm-1-seed0")
    aligned = alignment.align({"A": join(table(), inner), "B": table()})
    assert aligned.arms[0].tables["A"].runs == ("loso-seed0",)
    assert "no results" in refused({"A": table(), "B": inner})


def test_other_classes_are_refused():
    made = table()
    two = made.table[made.table.emotion != "surprise"].drop(columns="p_surprise")
    two[["p_negative", "p_positive"]] = 0.5
    message = refused({"A": made, "B": Predictions.from_table(two)})
    assert "negative, positive, surprise" in message
    assert "different classes" in message


def test_other_clips_are_refused_and_common_keeps_those_that_both_test():
    tables = {"A": table(), "B": table(n=9)}
    message = refused(tables)
    assert "3 are in A alone" in message
    assert "the 9 clips that both test with --common" in message
    aligned = alignment.align(tables, common=True)
    assert keys(aligned)["A"] == keys(aligned)["B"]
    assert aligned.notes == ["A: 3 of 12 clips are left out."]


def test_nothing_in_common_is_refused_with_common_as_well():
    tables = {"A": table(), "B": table(database="casme2")}
    assert "nothing in common" in refused(tables, common=True)


def test_other_labels_are_refused_with_common_as_well():
    other = table().table.emotion.where(table().table["clip"] != "3", "surprise")
    tables = {"A": table(), "B": changed(table(), emotion=other)}
    for common in (False, True):
        message = refused(tables, common=common)
        assert "samm/1/3 (negative and surprise)" in message


def test_other_ethnicities_are_noted():
    other = table().table.ethnicity.where(table().table.subject != "2", "White")
    aligned = alignment.align({"A": table(), "B": changed(table(), ethnicity=other)})
    assert aligned.notes == [
        "B labels the ethnicity of 1 subjects otherwise than A; groups are those of A."
    ]


def test_several_arms_have_to_be_the_same_unless_common_is_asked_for():
    both = join(table("mono_asian-draw0-seed0"), table("stereo-draw0-seed0"))
    tables = {"A": both, "B": table("stereo-draw0-seed1")}
    assert "the arms mono_asian, stereo and B stereo" in refused(tables)
    aligned = alignment.align(tables, common=True)
    assert [arm.name for arm in aligned.arms] == ["stereo"]
    assert aligned.notes == ["Compared are the arms that all have: stereo."]
    aligned = alignment.align({"A": both, "B": both})
    assert [arm.name for arm in aligned.arms] == ["mono_asian", "stereo"]


def test_draws_are_joined_with_the_same_draw():
    first = join(table("stereo-draw0-seed0", n=6), table("stereo-draw1-seed0"))
    second = join(table("stereo-draw0-seed0"), table("stereo-draw1-seed0", n=6))
    message = refused({"A": first, "B": second})
    assert "draw 0: samm/" in message
    aligned = alignment.align({"A": first, "B": second}, common=True)
    assert {len(part) for part in aligned.arms[0].tables.values()} == {12}


def test_runs_of_one_job_over_different_clips_are_refused():
    uneven = join(table("loso-seed0"), table("loso-seed1", n=8))
    message = refused({"A": uneven, "B": table()})
    assert "the runs of A test different clips" in message
    aligned = alignment.align({"A": uneven, "B": table()}, common=True)
    assert len(aligned.arms[0].tables["A"]) == 16


def test_a_clip_in_two_folds_of_a_run_is_refused():
    twice = join(table(), changed(table(), fold="g"))
    assert "several folds" in refused({"A": twice, "B": table()})
