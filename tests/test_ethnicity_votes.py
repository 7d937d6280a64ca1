import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.ethnicity.votes import LABEL_OF, LABELS, Vote, columns_of, one_hot
from ethnicmer_jax.base.schema import UserError


def test_labels_are_the_references_codes_in_order():
    assert LABELS == ("White", "Black", "Asian", "Indian", "Others")


def test_fairface_classes_are_summed_as_documented():
    classes = (
        "White",
        "Black",
        "Latino Hispanic",
        "East Asian",
        "Southeast Asian",
        "Indian",
        "Middle Eastern",
    )
    scores = np.array([0.1, 0.2, 0.05, 0.25, 0.15, 0.05, 0.2])
    # Asian = .25 + .15; Others = .05 + .2.
    np.testing.assert_allclose(scores @ columns_of(classes), [0.1, 0.2, 0.4, 0.05, 0.25])


@given(st.lists(st.sampled_from(sorted(LABEL_OF)), min_size=1, max_size=12))
def test_summing_classes_keeps_the_total(classes):
    scores = np.arange(1.0, len(classes) + 1)
    assert (scores @ columns_of(classes)).sum() == pytest.approx(scores.sum())


def test_a_class_that_belongs_to_no_label_is_a_user_error():
    with pytest.raises(UserError, match="Martian"):
        columns_of(["White", "Martian"])


@pytest.mark.parametrize(
    ("probabilities", "error"),
    [
        (None, ""),
        (one_hot("White"), "and an error"),
        ((0.5, 0.5), ""),
        ((0.5, 0.4, 0.0, 0.0, 0.0), ""),
        ((1.5, -0.5, 0.0, 0.0, 0.0), ""),
        ((float("nan"), 1.0, 0.0, 0.0, 0.0), ""),
    ],
)
def test_a_vote_holds_probabilities_or_an_error(probabilities, error):
    with pytest.raises(ValueError, match="samm/006/006_1_2"):
        Vote("samm", "006", "006_1_2", "onnx", probabilities, error)
