"""What the page concludes follows from the numbers, whichever way they came out."""

import itertools

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.explain import conclusion
from ethnicmer_jax.explain.conclusion import Difference
from ethnicmer_jax.explain.findings import MOTION, Findings
from ethnicmer_jax.explain.regions import REGIONS
from ethnicmer_jax.explain.sanity import LABELS, RANDOM, TRAINED
from ethnicmer_jax.explain.views import View

VIEW = View("final", "emotion")
NAME = ("gradcam", VIEW)
OTHER = ("hirescam", VIEW)

APART = (0.9, 0.8, 0.95), (0.3, 0.2, 0.4)
OVERLAPPING = (0.6, 0.3, 0.9), (0.35, 0.1, 0.6)
TOUCHING = (0.6, 0.4, 0.8), (0.3, 0.2, 0.4)
ONE_SUBJECT = (0.9, np.nan, np.nan), (0.1, np.nan, np.nan)
HALF_DEFINED = (0.9, 0.8, 0.95), (0.1, np.nan, np.nan)
"""(estimate, low, high) of the larger and of the smaller of two quantities."""
UNSHOWN = [OVERLAPPING, TOUCHING, ONE_SUBJECT, HALF_DEFINED]
EQUALITY = ("no more often", "as often", "at least as", "no such difference", "the same", "equal")


def about(name):
    return {"method": name[0], "head": name[1].head, "branch": name[1].branch, "n_clips": 40}


def frame(label, *rows):
    """Rows of (name of the map, weights, (estimate, low, high))."""
    return pd.DataFrame(
        [
            {**about(name), "weights": weights, "chance": 0.07}
            | dict(zip((label, "low", "high"), interval, strict=True))
            for name, weights, interval in rows
        ]
    )


def region_tests(p_of_map, p_of_motion):
    """tests.csv of six regions of a map and of the motion."""
    parts = [
        pd.DataFrame({**about(name), "emotion": "all", "region": REGIONS, "difference": 0.1})
        .assign(p_within=p, p_within_holm=p, p_unrestricted=0.5)
        for name, p in ((NAME, p_of_map), (MOTION, p_of_motion))
    ]  # fmt: skip
    return pd.concat(parts)


def findings(peaks=None, similarity=None, agreement=None, tests=None):
    none = pd.DataFrame()
    frames = [none if table is None else table for table in (tests, peaks, similarity, agreement)]
    return Findings(none, *frames, ("asian", "non_asian"))


def peaks_of(name, trained, random):
    return frame("rate", (name, TRAINED, trained), (name, RANDOM, random))


@pytest.mark.parametrize("pair", UNSHOWN)
def test_intervals_that_overlap_or_are_undefined_show_nothing(pair):
    for first, second in itertools.permutations(
        pd.Series(values, ["rate", "low", "high"]) for values in pair
    ):
        assert conclusion.difference(first, second) is Difference.NOT_SHOWN


@pytest.mark.parametrize("pair", UNSHOWN)
@pytest.mark.parametrize("larger_first", [True, False])
def test_no_sentence_calls_equal_what_is_not_shown_to_differ(pair, larger_first):
    trained, random = pair if larger_first else pair[::-1]
    primary, other = peaks_of(NAME, trained, random), peaks_of(OTHER, trained, random)
    said = conclusion.conclusion(
        findings(
            pd.concat([primary, other]),
            frame("correlation", (NAME, RANDOM, (0.1, -0.2, 0.4))),
            frame("correlation", (NAME, TRAINED, (0.1, -0.2, 0.4))),
            region_tests([0.01] * 6, [0.9] * 6),
        ),
        NAME,
    )
    text = " ".join(said)
    assert text.count("not shown to differ") == 2  # The peak, and the motion of the clips.
    assert "HiResCAM: the peak is not shown to lie there more often" in text
    assert "is not shown to agree" in text
    assert "depends on what was learnt" not in text
    assert not [words for words in EQUALITY if words in text]
    assert "nan" not in text


def test_intervals_apart_say_which_is_higher():
    high, low = APART
    for rates, verdict in (
        ((high, low), "less often, so where the peak lies depends on what was learnt"),
        ((low, high), "more often, so training moved the peak away"),
    ):
        (said,) = conclusion.peak(findings(peaks_of(NAME, *rates)), NAME)
        assert verdict in said
    assert conclusion.other_methods(findings(peaks_of(OTHER, high, low)), NAME) == []
    (said,) = conclusion.other_methods(findings(peaks_of(OTHER, low, high)), NAME)
    assert said.startswith("HiResCAM: the peak is not shown")


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.3, 0.2, 0.4), "agrees with it: rank correlation .30 [.20, .40]"),
        ((-0.3, -0.4, -0.2), "contradicts it"),
        ((0.3, np.nan, np.nan), "not shown to agree with it: rank correlation .30 (interval und"),
        ((np.nan, np.nan, np.nan), "nothing can be said"),
    ],
)
def test_agreement_is_said_where_it_was_shown(interval, words):
    (said,) = conclusion.agreement(
        findings(agreement=frame("correlation", (NAME, "", interval))), NAME
    )
    assert words in said
    assert "nan" not in said


def test_maps_that_resemble_those_of_shuffled_labels_are_called_so():
    rows = [(NAME, LABELS, (0.41, 0.3, 0.5)), (NAME, RANDOM, (0.02, -0.1, 0.12))]
    (said,) = conclusion.resemblance(findings(similarity=frame("correlation", *rows)), NAME)
    assert "trained on shuffled emotions resemble it" in said
    assert ".41 [.30, .50] over 40 clips" in said


def test_maps_that_resemble_neither_are_not():
    rows = [(NAME, LABELS, (-0.2, -0.3, -0.1)), (NAME, RANDOM, (np.nan, np.nan, np.nan))]
    assert conclusion.resemblance(findings(similarity=frame("correlation", *rows)), NAME) == []


def test_groups_differ_on_the_regions_where_it_was_shown():
    p = [0.01, *[0.9] * 5]
    on_map, on_motion = conclusion.groups(findings(tests=region_tests(p, p)), NAME)
    assert "map on brows (+.100) differs between Asian and Non-Asian" in on_map
    assert "motion of the clips itself differs on brows (+.100)" in on_motion
    (said,) = conclusion.groups(findings(tests=region_tests([0.9] * 6, p)), NAME)
    assert "no evidence of equality" in said
    (said,) = conclusion.groups(findings(tests=region_tests([np.nan] * 6, p)), NAME)
    assert "cannot be told from differences between databases" in said
