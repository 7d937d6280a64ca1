import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_builders.ethnicity.consolidation import Override, Thresholds, consolidate
from data_builders.ethnicity.table_annotator import TableAnnotator
from data_builders.ethnicity.votes import LABELS, Vote, one_hot
from ethnicmer_jax.base.schema import ETHNICITIES, UNKNOWN, UserError


def _vote(clip, label=None, subject="s", annotator="onnx", **more):
    if label is None:
        return Vote("db", subject, clip, annotator, None, "no face", **more)
    probabilities = label if isinstance(label, tuple) else one_hot(label)
    return Vote("db", subject, clip, annotator, probabilities, "", **more)


def _labels(*labels):
    return [_vote(f"c{index}", label) for index, label in enumerate(labels)]


@st.composite
def _votes(draw):
    weights = st.lists(st.integers(0, 9), min_size=5, max_size=5).filter(any)
    votes = []
    for index in range(draw(st.integers(0, 12))):
        given = draw(st.one_of(st.none(), weights))
        if given is not None:
            given = tuple(weight / sum(given) for weight in given)
        votes.append(
            _vote(
                f"c{index // 2}",
                given,
                subject=draw(st.sampled_from("st")),
                annotator=f"a{index % 2}",
                age_decade=draw(st.integers(-1, 7)),
                gender=draw(st.sampled_from(["male", "female", "unknown"])),
            )
        )
    return votes


_shares = st.floats(0, 1)
_thresholds = st.builds(Thresholds, st.integers(1, 6), _shares, _shares)


def _same(first, second):
    """Equality of decisions in which NaN equals NaN."""
    return repr(first) == repr(second)


def test_mean_agreement_and_entropy_of_a_known_case():
    # Means (.7 + .5 + .6) / 3 = .6, and .4; two of three votes are for White:
    # the third is level and goes to the first label, which is White too.
    split = [(0.7, 0.3), (0.5, 0.5), (0.6, 0.4)]
    votes = [_vote(f"c{i}", (w, b, 0.0, 0.0, 0.0)) for i, (w, b) in enumerate(split)]
    (decision,) = consolidate(votes)
    assert decision.ethnicity == "White"
    assert decision.probability == pytest.approx(0.6)
    assert decision.agreement == 1
    assert decision.entropy == pytest.approx(-0.6 * math.log2(0.6) - 0.4 * math.log2(0.4))
    assert (decision.n_clips, decision.n_errors, decision.source) == (3, 0, "onnx")
    assert decision.reason == "3 of 3 votes"


@pytest.mark.parametrize(
    ("labels", "ethnicity", "reason"),
    [
        (["Asian"], UNKNOWN, "1 of at least 2 clips"),
        (["Asian", None, None], UNKNOWN, "1 of at least 2 clips"),
        (["Asian"] * 4 + ["White"], "Asian", "4 of 5 votes"),
        (["Asian"] * 3 + ["White"], UNKNOWN, "agreement 0.75 below 0.8"),
        ([None, None], UNKNOWN, "no readable vote"),
        (["Black", "Black"], "Black", "2 of 2 votes"),
    ],
)
def test_defaults_of_the_issue(labels, ethnicity, reason):
    (decision,) = consolidate(_labels(*labels))
    assert decision.ethnicity == ethnicity
    assert decision.reason == reason


def test_low_probability_alone_withholds_the_label():
    weak = (0.5, 0.2, 0.1, 0.1, 0.1)
    (decision,) = consolidate([_vote("a", weak), _vote("b", weak)])
    assert (decision.ethnicity, decision.leading) == (UNKNOWN, "White")
    assert decision.reason == "probability 0.50 below 0.6"


def test_level_labels_are_never_decided_by_their_order():
    (decision,) = consolidate(_labels("Black", "Asian"), Thresholds(1, 0, 0))
    assert (decision.ethnicity, decision.leading) == (UNKNOWN, "")
    assert decision.reason == "tie between Black and Asian"


def test_clips_are_counted_once_however_many_annotators_judge_them():
    votes = [_vote("c", "Asian", annotator="onnx"), _vote("c", "Asian", annotator="metadata")]
    (decision,) = consolidate(votes)
    assert (decision.n_clips, decision.ethnicity) == (1, UNKNOWN)
    assert decision.source == "metadata+onnx"


def test_age_is_the_median_and_gender_the_majority():
    votes = [
        _vote("a", "Asian", age_decade=2, gender="male"),
        _vote("b", "Asian", age_decade=2, gender="male"),
        _vote("c", "Asian", age_decade=6, gender="female"),
        _vote("d", age_decade=-1, gender="unknown"),
    ]
    (decision,) = consolidate(votes)
    assert (decision.age_decade, decision.gender) == (2, "male")
    (level,) = consolidate(votes[1:3])
    assert level.gender == "unknown"


@given(_votes(), _thresholds, st.randoms(use_true_random=False))
def test_the_order_of_the_votes_does_not_matter(votes, thresholds, random):
    shuffled = random.sample(votes, len(votes))
    assert _same(consolidate(votes, thresholds), consolidate(shuffled, thresholds))


@given(_votes(), _thresholds, st.sampled_from(ETHNICITIES), st.sampled_from("stu"))
def test_an_override_always_wins_and_touches_nobody_else(votes, thresholds, label, subject):
    before = {each.person: each for each in consolidate(votes, thresholds)}
    overrides = {("db", subject): Override(label, "self-report")}
    after = {each.person: each for each in consolidate(votes, thresholds, overrides)}
    settled = after.pop(("db", subject))
    assert (settled.ethnicity, settled.source) == (label, "human")
    assert "self-report" in settled.reason
    before.pop(("db", subject), None)
    assert _same(after, before)


@given(_votes(), _thresholds, _thresholds)
def test_stricter_thresholds_only_withhold_labels(votes, one, other):
    strict = Thresholds(*map(max, dataclasses.astuple(one), dataclasses.astuple(other)))
    lenient = {each.person: each.ethnicity for each in consolidate(votes, one)}
    for decision in consolidate(votes, strict):
        assert decision.ethnicity in (UNKNOWN, lenient[decision.person])


@given(_votes(), _thresholds)
def test_every_subject_is_decided_once_and_no_vote_is_lost(votes, thresholds):
    decisions = consolidate(votes, thresholds)
    assert [each.person for each in decisions] == sorted({vote.person for vote in votes})
    assert sum(len(each.votes) for each in decisions) == len(votes)
    assert sum(each.n_errors for each in decisions) == sum(bool(vote.error) for vote in votes)
    for each in decisions:
        assert (each.ethnicity == UNKNOWN) or each.ethnicity == each.leading
        if each.probabilities:
            assert sum(each.probabilities) == pytest.approx(1)
            assert 0 <= each.entropy <= math.log2(len(LABELS)) + 1e-9
            assert 0 <= each.agreement <= 1
            assert each.probability == max(each.probabilities)


@pytest.mark.parametrize("wrong", [(0, 0.8, 0.6), (2, 1.1, 0.6), (2, 0.8, -0.1)])
def test_thresholds_out_of_range_are_user_errors(wrong):
    with pytest.raises(UserError):
        Thresholds(*wrong)


def test_one_clip_is_enough_where_a_table_states_the_label():
    seen, stated = _vote("a", "Asian"), _vote("a", "Asian", stated=True)
    assert [each.ethnicity for each in consolidate([seen])] == [UNKNOWN]
    assert [each.ethnicity for each in consolidate([stated])] == ["Asian"]
    asked = consolidate([stated], Thresholds(min_clips=2))
    assert [each.reason for each in asked] == ["1 of at least 2 clips"]
    again = _vote("a", "White", annotator="other", stated=True)
    assert [each.ethnicity for each in consolidate([stated, again])] == [UNKNOWN]


def test_the_references_raw_table_under_the_default_thresholds(annotations):
    votes = TableAnnotator(annotations / "results_ethnic_raw.csv", "samm").votes()
    decisions = {each.subject: each for each in consolidate(votes)}
    assert len(decisions) == 29
    withheld = {name for name, each in decisions.items() if each.ethnicity == UNKNOWN}
    # The six contradictory subjects: all agree by 2/3 or less.
    assert withheld == {"012", "017", "018", "034", "035", "037"}
    assert (decisions["032"].n_errors, decisions["032"].n_clips) == (5, 1)
    assert decisions["026"].ethnicity == "Asian"
