from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import report_workdir
from fairlearn.metrics import equalized_odds_difference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

from ethnicmer_jax.analysis import confusion, intervals, metrics
from ethnicmer_jax.analysis.counts import Counts, databases
from ethnicmer_jax.base import reportable
from ethnicmer_jax.base.predictions import Predictions

CLASSES = ("negative", "positive", "surprise")
GROUPING = {"Asian": "asian", "White": "non_asian", "Black": "non_asian"}


def predictions(truth, predicted, person=None, ethnicity="Asian", run="r", database="samm"):
    """Confident predictions of the given class indices."""
    n = len(truth)
    person = np.arange(n) if person is None else person
    probabilities = np.full((n, 3), 0.1)
    probabilities[np.arange(n), predicted] = 0.8
    return Predictions.from_table(
        pd.DataFrame(
            {
                "run": run,
                "fold": [f"{database}-{p}" for p in person],
                "database": database,
                "subject": [str(p) for p in person],
                "clip": [str(i) for i in range(n)],
                "emotion": [CLASSES[i] for i in truth],
                "ethnicity": ethnicity,
                **{f"p_{name}": probabilities[:, i] for i, name in enumerate(CLASSES)},
            }
        )
    )


def run_metrics(one_run, members=None):
    """The metrics of predictions of a single run."""
    ((_, found),) = metrics.by_run(one_run, members).items()
    return found


def matrix(truth, predicted):
    return Counts.of(predictions(truth, predicted)).pooled[0]


def join(*parts):
    return Predictions.from_table(pd.concat([part.table for part in parts]))


labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(labels)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.filterwarnings("ignore:A single label was found")
def test_scores_are_those_of_scikit_learn(pairs):
    truth, predicted = np.array(pairs).T
    counts = matrix(truth, predicted)
    assert confusion.uf1(counts) == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert confusion.uar(counts) == pytest.approx(balanced_accuracy_score(truth, predicted))
    assert confusion.accuracy(counts) == pytest.approx(np.mean(truth == predicted))


@given(labels, st.data())
def test_counts_of_labels_and_persons_add_up_to_the_whole(pairs, data):
    truth, predicted = np.array(pairs).T
    n = len(pairs)
    drawn = st.lists(st.integers(0, 3), min_size=n, max_size=n)
    person, label = (np.array(data.draw(drawn)) for _ in range(2))
    rows = predictions(truth, predicted, person=person)
    whole = Counts.of(rows)
    by_label = dict(Counts.by(rows, label.astype(str).astype(object)))
    np.testing.assert_array_equal(sum(part.matrices for part in by_label.values()), whole.matrices)
    for name, part in by_label.items():
        of_label = (truth[label == int(name)], predicted[label == int(name)])
        np.testing.assert_array_equal(part.pooled[0], sklearn_confusion(*of_label))
        who = set(person[label == int(name)])
        assert {p.split("/")[1] for p in part.tested_only().persons} == {str(p) for p in who}
    np.testing.assert_array_equal(whole.pooled[0], sklearn_confusion(truth, predicted))


def sklearn_confusion(truth, predicted):
    return confusion_matrix(truth, predicted, labels=[0, 1, 2])


def test_rows_without_a_label_count_nowhere():
    rows = predictions([0, 1, 2], [0, 1, 2])
    parts = dict(Counts.by(rows, np.array(["a", "", "a"], object)))
    assert parts["a"].pooled[0].tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]
    assert set(parts) == {"a"}


@given(hnp.arrays(np.int64, (5, 3, 3), elements=st.integers(0, 9)))
def test_many_matrices_at_once_are_each_alone(matrices):
    for score in confusion.SCORES.values():
        np.testing.assert_array_equal(score(matrices), [score(matrix) for matrix in matrices])


def test_a_hand_counted_run():
    # F1 is 2 hits over (true + predicted): 4 / 6, then 2 / 3, then none of 1.
    made = run_metrics(predictions([0, 0, 0, 1, 2], [0, 0, 1, 1, 0]))
    assert made["confusion"] == [[2, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert made["f1"] == pytest.approx({"negative": 2 / 3, "positive": 2 / 3, "surprise": 0})
    assert made["uf1"] == pytest.approx(4 / 9)
    assert made["uar"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert made["accuracy"] == pytest.approx(3 / 5)
    # Of 2 clips that are not negative 1 is called negative; of 4 not positive, 1.
    assert made["false_positive_rate"] == pytest.approx(
        {"negative": 1 / 2, "positive": 1 / 4, "surprise": 0}
    )
    assert (made["n_clips"], made["n_folds"], made["n_subjects"]) == (5, 5, 5)


@pytest.mark.filterwarnings("error")
def test_a_class_nobody_has_is_null_and_does_not_lower_uf1():
    made = run_metrics(predictions([0, 0, 1], [0, 0, 1]))
    assert made["f1"]["surprise"] is None
    assert made["recall"]["surprise"] is None
    assert made["uf1"] == 1.0


def test_scores_are_pooled_not_averaged_over_folds():
    # Each fold alone has UF1 1 or 0; pooled, class F1s are 2*1/(2+1), 0 and 0.
    made = run_metrics(predictions([0, 0], [0, 1]))
    assert made["uf1"] == pytest.approx((2 / 3 + 0) / 2)


def test_groups_follow_the_grouping_and_leave_out_what_it_does_not_name():
    made = run_metrics(
        predictions([0, 0, 1, 2], [0, 1, 1, 2], ethnicity=["Asian", "White", "Black", "Indian"]),
        GROUPING,
    )
    assert {name: group["n_clips"] for name, group in made["groups"].items()} == {
        "asian": 1,
        "non_asian": 2,
    }
    assert set(made["ethnicities"]) == {"Asian", "White", "Black", "Indian"}
    assert made["databases"]["samm"]["n_clips"] == 4
    ungrouped = run_metrics(predictions([0], [0]))
    assert set(ungrouped["groups"]) == {"Asian"}


@settings(max_examples=10, deadline=None)  # each takes 0.1 s
@given(st.integers(0, 2**32 - 1))
def test_equalised_odds_is_that_of_fairlearn(seed):
    rng = np.random.default_rng(seed)
    # Every class in every group, so that every rate is defined.
    truth = np.concatenate([np.tile([0, 1, 2], 2), rng.integers(0, 3, 20)])
    predicted = rng.integers(0, 3, 26)
    ethnicity = np.concatenate(
        [np.repeat(["Asian", "White"], 3), rng.choice(["Asian", "White"], 20)]
    )
    gaps = run_metrics(predictions(truth, predicted, ethnicity=ethnicity))["gaps"]
    expected = {
        name: equalized_odds_difference(truth == i, predicted == i, sensitive_features=ethnicity)
        for i, name in enumerate(CLASSES)
    }
    assert gaps["equalised_odds"] == pytest.approx(expected | {"max": max(expected.values())})


def test_the_worst_group_is_named():
    gaps = run_metrics(
        predictions([0, 0, 0, 0], [0, 0, 0, 1], ethnicity=["Asian", "Asian", "White", "White"])
    )["gaps"]
    # White: F1 2*1/(2+1) and 0; accuracy 1/2.
    assert gaps["accuracy"] == {"worst_group": "White", "worst": 0.5, "gap": 0.5}
    assert gaps["uf1"] == pytest.approx({"worst_group": "White", "worst": 1 / 3, "gap": 2 / 3})


def test_a_single_group_has_no_gap():
    gaps = run_metrics(predictions([0, 1], [0, 1]))["gaps"]
    assert gaps["equalised_odds"]["max"] is None
    assert gaps["uf1"]["gap"] is None


def test_the_summary_of_an_arm_is_its_mean_spread_and_interval_over_subjects():
    truth = [0, 1, 2, 0, 1, 2]
    runs = [
        predictions(truth, guess, run=f"loso-seed{i}")
        for i, guess in enumerate([truth, [0, 1, 2, 1, 1, 2], [0, 1, 1, 1, 1, 2]])
    ]
    made = metrics.compute(join(*runs))
    for score in confusion.SCORES:
        values = [made["runs"][f"loso-seed{i}"][score] for i in range(3)]
        summary = made["summary"]["loso"][score]
        interval = intervals.estimate([(1.0, Counts.of(join(*runs)))], score)
        assert summary == {
            "mean": pytest.approx(np.mean(values)),
            "sd": pytest.approx(np.std(values, ddof=1)),
            "n_runs": 3,
            "n_subjects": interval.n_persons,
            "interval": [interval.low, interval.high],
            "level": 0.95,
        }


@pytest.mark.filterwarnings("error")
def test_a_single_run_has_no_spread():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 60)
    guess = np.where(rng.random(60) < 0.7, truth, (truth + 1) % 3)
    summary = metrics.compute(predictions(truth, guess, person=np.arange(60) // 4))["summary"]
    assert summary["r"]["uf1"]["sd"] is None
    low, high = summary["r"]["uf1"]["interval"]
    assert low < summary["r"]["uf1"]["mean"] < high


def test_no_number_pools_two_arms():
    # Each arm's summary is what it would be if the other arms had never been run.
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 40)
    arms = {
        "mono_asian-draw0-seed0": truth,
        "mono_non_asian-draw0-seed0": (truth + 1) % 3,
        "ethnicity.mono_asian-draw0-seed0": rng.permutation(truth),
        "pooled.loso-seed0": np.zeros(40, int),
    }
    parts = [
        predictions(truth, guess, person=np.arange(40) // 4, run=run) for run, guess in arms.items()
    ]
    together = metrics.compute(join(*parts))
    assert set(together) == {"runs", "summary", "databases"}
    alone = [metrics.compute(part) for part in parts]
    assert together["summary"] == {k: v for one in alone for k, v in one["summary"].items()}
    assert together["runs"] == {k: v for one in alone for k, v in one["runs"].items()}
    assert together["summary"]["mono_asian"]["uf1"]["mean"] == 1
    assert together["summary"]["mono_non_asian"]["uf1"]["mean"] == 0


def test_the_result_is_json_and_the_same_each_time():
    rng = np.random.default_rng(1)
    made = predictions(rng.integers(0, 2, 20), rng.integers(0, 3, 20), person=np.arange(20) // 3)
    text = json.dumps(metrics.compute(made, GROUPING), allow_nan=False)
    assert text == json.dumps(metrics.compute(made, GROUPING), allow_nan=False)


def test_a_database_of_an_arm_is_scored_as_if_it_were_alone():
    rng = np.random.default_rng(5)
    parts = [
        predictions(
            rng.integers(0, 3, 40),
            rng.integers(0, 3, 40),
            np.arange(40) // 4,
            run=run,
            database=name,
        )
        for run in ("loso-seed0", "loso-seed1")
        for name in ("casme2", "samm")
    ]
    found = metrics.of_databases(join(*parts))
    assert set(found["loso"]) == {"casme2", "samm"}
    alone = metrics.summary(join(parts[1], parts[3]))
    assert found["loso"]["samm"] == alone["loso"]
    # The only database of an arm is the arm itself; a study's contrasts have tables of their own.
    assert metrics.of_databases(parts[0]) == {}
    drawn = [
        Predictions(part.table.assign(run="ethnicity.stereo-draw0-seed0")) for part in parts[:2]
    ]
    assert metrics.of_databases(join(*drawn)) == {}


@pytest.mark.filterwarnings("error")
def test_predictions_of_nobody_in_a_group_are_labelled_without_a_warning():
    found = metrics.group_labels(Predictions.from_table(report_workdir.table()), {})
    assert set(found) == {""}


def test_the_spread_of_two_runs_is_half_their_difference_times_root_two():
    # sd with one degree of freedom: |1 - 1/2| / sqrt(2).
    truth = [0, 0]
    runs = [
        predictions(truth, guess, run=f"loso-seed{i}") for i, guess in enumerate(([0, 0], [0, 1]))
    ]
    found = metrics.summary(join(*runs))["loso"]["accuracy"]
    assert (found["mean"], found["n_runs"]) == (0.75, 2)
    assert found["sd"] == pytest.approx(0.5 / np.sqrt(2))


def test_the_content_of_metrics_json_has_groups_and_says_what_must_not_be_reported():
    rows = predictions([0, 1], [0, 1], ethnicity=["Asian", "White"])
    assert set(metrics.compute(rows, GROUPING)["runs"]["r"]["groups"]) == {"asian", "non_asian"}
    assert reportable.COLUMN not in metrics.compute(rows)
    chosen = Predictions.from_table(rows.table.assign(**{reportable.COLUMN: "of each fold, ..."}))
    assert metrics.compute(chosen)[reportable.COLUMN] == "of each fold, ..."


def test_one_class_s_rate_is_a_score_of_its_own():
    matrices = np.array([[[3, 1], [0, 2]], [[0, 4], [1, 1]]])
    assert confusion.of_class(confusion.recall, 0)(matrices).tolist() == [0.75, 0]
    assert confusion.of_class(confusion.recall, 1)(matrices).tolist() == [1, 0.5]


def test_some_of_the_runs_keep_their_names():
    counts = Counts.of(join(*(predictions([0], [i], run=f"r{i}") for i in range(3))))
    some = counts.of_runs([2, 0])
    assert some.runs == ("r2", "r0")
    assert some.pooled[:, 0].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert counts.of_runs(np.array([False, True, False])).runs == ("r1",)


def test_a_database_ends_where_the_subject_s_name_begins():
    assert databases(np.array(["samm/006", "mmew/a/b"])).tolist() == ["samm", "mmew"]


def test_where_nobody_is_in_a_group_there_is_no_gap():
    found = run_metrics(predictions([0, 1], [0, 1]), {})
    assert found["groups"] == {}
    assert found["gaps"]["equalised_odds"] == {"max": None}
    assert found["gaps"]["uar"] == {"worst_group": None, "worst": None, "gap": None}


def test_a_run_has_no_scores_of_a_group_that_it_does_not_test():
    rows = join(
        predictions([0, 1], [0, 1], ethnicity=["Asian", "White"], run="a"),
        predictions([0, 1], [0, 1], ethnicity="White", run="b"),
    )
    found = metrics.by_run(rows, GROUPING)
    assert [set(found[run]["groups"]) for run in "ab"] == [{"asian", "non_asian"}, {"non_asian"}]
