from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ethnicmer_jax.base import predictions as predictions_lib
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.schema import ETHNICITIES, UserError


def table(n=4, **columns):
    made = {
        "run": ["loso-s0"] * n,
        "fold": [f"samm-{i:03d}" for i in range(n)],
        "database": ["samm"] * n,
        "subject": [f"{i:03d}" for i in range(n)],
        "clip": ["1_1"] * n,
        "emotion": ["negative", "positive", "surprise", "negative"][:n],
        "ethnicity": ["Asian", "White", "Unknown", "Black"][:n],
        "p_negative": [0.7, 0.2, 0.1, 0.3],
        "p_positive": [0.2, 0.5, 0.2, 0.4],
        "p_surprise": [0.1, 0.3, 0.7, 0.3],
    }
    return pd.DataFrame(made | columns)


def test_columns_become_indices_and_persons():
    made = Predictions.from_table(table())
    assert made.classes == ("negative", "positive", "surprise")
    np.testing.assert_array_equal(made.emotion_index, [0, 1, 2, 0])
    np.testing.assert_array_equal(made.predicted, [0, 1, 2, 1])
    assert list(made.person) == ["samm/000", "samm/001", "samm/002", "samm/003"]
    assert list(made.key)[3] == "samm/003/1_1"
    assert made.probabilities().shape == (4, 3)


@pytest.mark.parametrize("name", ["all", "clips", "<b>", "", "x" * 40, "Fear"])
def test_the_name_of_a_class_is_checked(name):
    frame = table().rename(columns={"p_negative": f"p_{name}"}).replace("negative", name)
    with pytest.raises(UserError, match=r"the class of column 'p_"):
        Predictions.from_table(frame)


def test_two_classes_come_from_the_columns(tmp_path):
    frame = table(emotion=["negative", "other", "other", "negative"]).drop(
        columns=["p_negative", "p_positive", "p_surprise"]
    )
    frame = frame.assign(p_negative=[0.9, 0.1, 0.5, 0.2], p_other=[0.1, 0.9, 0.5, 0.8])
    predictions_lib.write(tmp_path / "p.csv", Predictions.from_table(frame))
    read = predictions_lib.read(tmp_path / "p.csv")
    assert read.classes == ("negative", "other")
    # A tie goes to the first class.
    np.testing.assert_array_equal(read.predicted, [0, 1, 0, 1])


text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(
    codes=st.lists(st.tuples(text, text, text), min_size=1, max_size=6, unique=True),
    seed=st.integers(0, 2**32 - 1),
    ethnic=st.booleans(),
)
def test_a_table_survives_the_file_bit_for_bit(tmp_path_factory, codes, seed, ethnic):
    rng = np.random.default_rng(seed)
    n = len(codes)
    # float32 softmax outputs are what the engine hands over.
    p = rng.dirichlet([0.3] * 3, n).astype(np.float32)
    columns = {f"p_{name}": p[:, i] for i, name in enumerate(("negative", "positive", "surprise"))}
    if ethnic:
        q = rng.dirichlet([1.0] * 2, n)
        q[0] = np.nan
        columns |= {"q_Asian": q[:, 0], "q_White": q[:, 1]}
    frame = pd.DataFrame(
        {
            "run": "r",
            "fold": "f",
            "database": [code[0] for code in codes],
            "subject": [code[1] for code in codes],
            "clip": [code[2] for code in codes],
            "emotion": rng.choice(["negative", "positive", "surprise"], n),
            "ethnicity": rng.choice(ETHNICITIES, n),
            **columns,
        }
    )
    before = Predictions.from_table(frame)
    path = tmp_path_factory.mktemp("p") / "predictions.csv"
    predictions_lib.write(path, before)
    after = predictions_lib.read(path)
    pd.testing.assert_frame_equal(before.table, after.table, check_exact=True)
    np.testing.assert_array_equal(after.probabilities().astype(np.float32), p)


def test_codes_that_look_like_numbers_or_missing_values_stay_text(tmp_path):
    frame = table(subject=["006", "NA", "1e3", '<script>,"x"'])
    predictions_lib.write(tmp_path / "p.csv", Predictions.from_table(frame))
    assert list(predictions_lib.read(tmp_path / "p.csv").table["subject"]) == list(frame["subject"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emotion": ["negative", "positive", "joy", "negative"]}, "row 4: emotion 'joy' is none"),
        ({"ethnicity": ["Asian", "Martian", "White", "White"]}, "row 3: ethnicity 'Martian'"),
        ({"p_negative": [0.7, 0.2, 0.1, 0.9]}, "row 5: the p_ probabilities do not sum to 1"),
        ({"p_negative": ["0.7", "0.2", "x", "0.3"]}, "row 4: p_negative is not a number"),
        ({"p_negative": ["0.7", "", "0.1", "0.3"]}, "row 3: a p_ probability is outside"),
        ({"p_negative": [0.7, 0.2, 0.1, float("inf")]}, "row 5: a p_ probability is outside"),
        (
            {"p_negative": [-0.3, 0.2, 0.1, 0.3], "p_positive": [1.2, 0.5, 0.2, 0.4]},
            "row 2: a p_ probability is outside",
        ),
        ({"clip": ["", "1", "1", "1"]}, "row 2: clip is empty"),
        (
            {"subject": ["1", "1", "2", "3"], "fold": ["f"] * 4},
            "row 3: a second row for run loso-s0, fold f, database samm, subject 1, clip 1_1",
        ),
        ({"q_Asian": [0.5] * 4, "q_White": [0.5, 0.5, 0.4, 0.5]}, "row 4: the q_ prob"),
    ],
)
def test_an_invalid_row_is_named(tmp_path, change, message):
    path = tmp_path / "p.csv"
    table(**change).to_csv(path, index=False)
    with pytest.raises(UserError, match=r"^[^\n]*$") as caught:
        predictions_lib.read(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a table"),
        (b"run,fold\na,b\n", "no column database, subject, clip, emotion, ethnicity"),
        (b"\xff\xfe\x00", "is not a table"),
        (b'run,fold\n"a,b\n', "is not a table"),
        (b"run,fold,database,subject,clip,emotion,ethnicity\n", "needs a p_<class> column"),
        (b"run,fold,database,subject,clip,emotion,ethnicity,p_a,p_b\n", "no rows"),
    ],
)
def test_a_file_that_is_no_predictions_table_is_one_line(tmp_path, content, message):
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"^[^\n]*$") as caught:
        predictions_lib.read(path)
    assert message in str(caught.value)


def test_a_missing_file_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError, match="does not exist: train first"):
        predictions_lib.read(tmp_path / "none.csv")


def test_a_refused_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "predictions.csv"
    predictions_lib.write(path, Predictions.from_table(table()))
    before = path.read_bytes()
    with pytest.raises(UserError, match="sum to 1"):
        predictions_lib.write(path, Predictions(table(p_negative=[0.0] * 4)))
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"predictions.csv", ".sums"}


def test_removed_and_foreign_rows_are_named():
    whole = Predictions.from_table(table())
    keys = whole.row_keys()
    predictions_lib.check_complete(whole, keys)
    with pytest.raises(
        UserError, match=r"1 of 4 rows missing: run loso-s0, fold samm-002, clip sa"
    ):
        predictions_lib.check_complete(whole.select(np.array([1, 1, 0, 1])), keys)
    with pytest.raises(UserError, match="not of this study: run loso-s0, fold samm-003"):
        predictions_lib.check_complete(whole, keys[:3])


def test_runs_are_selected_by_name_in_order_of_appearance():
    both = pd.concat([table(run=["b"] * 4), table(run=["a"] * 4)])
    made = Predictions.from_table(both)
    assert made.runs == ("b", "a")
    assert made.of_runs("a").runs == ("a",)
    with pytest.raises(KeyError, match="no run 'c'"):
        made.of_runs("c")
