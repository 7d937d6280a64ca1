"""Class schemes: the field's own, and mappings of one's own."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ethnicmer_jax.base import class_schemes
from ethnicmer_jax.base.class_schemes import NAMES, SCHEMES, parse
from ethnicmer_jax.base.schema import EMOTION_SYNONYMS, EMOTIONS, UserError, coded_emotion

CLASS_OF = re.compile(r"[a-z][a-z0-9_-]{0,23}")


def classes(text, database="casme2"):
    """Coded emotion -> class, of those that take part."""
    scheme = parse(text)
    pairs = {emotion: scheme.class_of(emotion, database) for emotion in EMOTIONS}
    return {emotion: name for emotion, name in pairs.items() if name}


def test_the_composite_s_three_classes():
    assert parse("3").fixed == parse(3).fixed == ("negative", "positive", "surprise")
    negative = {"repression", "sadness", "anger", "disgust", "fear", "contempt", "negative"}
    assert classes("3") == {
        **dict.fromkeys(negative, "negative"),
        **dict.fromkeys(("happiness", "positive"), "positive"),
        "surprise": "surprise",
    }


def test_two_classes_are_those_of_three_joined():
    joined = {"negative": "negative", "positive": "other", "surprise": "other"}
    assert classes("2") == {emotion: joined[name] for emotion, name in classes("3").items()}
    assert parse("2").fixed == ("negative", "other")


def test_five_are_those_of_the_clip_s_database():
    casme2 = {"disgust", "happiness", "repression", "surprise", "others"}
    samm = {"anger", "contempt", "happiness", "surprise", "others"}
    for name, own in (("casme2", casme2), ("simcasme2", casme2), ("samm", samm), ("simsamm", samm)):
        assert classes("5", name) == {emotion: emotion for emotion in own}
    for name, scheme in (
        ("smic_nir", "3"),
        ("casme_squared", "4"),
        ("casme3c", "3"),
        ("4dme", "4dme"),
    ):
        assert classes("5", name) == classes(scheme, name)
    for name in ("casme2", "samm"):
        assert set(classes("5:casme2", name)) == casme2
        assert set(classes("5:samm", name)) == samm
    assert parse("5").classes({"others", "anger", "disgust"}) == ("disgust", "anger", "others")


def test_the_larger_schemes():
    basic = {"anger", "disgust", "fear", "happiness", "sadness", "surprise"}
    assert set(classes("7")) == basic | {"contempt"}
    assert set(classes("7:casme3")) == basic | {"others"}
    assert set(classes("4dme").values()) == {
        *("negative", "positive", "surprise", "repression", "others")
    }
    assert classes("raw") == {emotion: emotion for emotion in EMOTIONS}
    assert parse("raw").classes({"others", "fear"}) == ("fear", "others")


def test_a_mapping_leaves_what_it_does_not_name_as_it_is():
    made = classes("happiness=positive;others=")
    assert made == {e: e for e in EMOTIONS if e not in ("happiness", "others")} | {
        "happiness": "positive"
    }
    scheme = parse("Happy = Positive ; Other =")
    assert scheme.of == parse("happiness=positive;others=").of
    assert scheme.classes({"positive", "fear", "disgust"}) == ("positive", "disgust", "fear")


def test_a_star_stands_for_all_that_are_not_named():
    assert set(classes("disgust+anger=negative;happiness=positive;*=")) == {
        *("disgust", "anger", "happiness")
    }
    assert classes("surprise=surprise;*=rest")["others"] == "rest"


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_scheme_of_two_classes_or_more(name):
    scheme = parse(name)
    assert set(scheme.of) == set(EMOTIONS)
    assert len(scheme.classes(set(scheme.of.values()) - {""})) >= 2
    assert scheme.depends_on_clips == (name in ("raw", "5"))
    assert set(SCHEMES) <= set(NAMES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("8", "is no class scheme: use one of 3, 2, 4, 5"),
        ("", "is no class scheme"),
        ("casme2", "is no class scheme"),
        ("happyness=positive", "emotion 'happyness' is unknown; known: negative"),
        ("=positive", "emotion is blank"),
        ("happiness=a=b", "does not read"),
        ("happiness=a;fear", "does not read"),
        ("happiness=a;happy=b", "'happy' is named twice"),
        ("*=a;*=b", "is named twice"),
        ("happiness=clips", "is taken"),
        ("happiness=1", "is no class name"),
        ("happiness=<b>", "is no class name"),
        ("happiness=" + "x" * 500, "is no class name"),
        ("*=", "fewer than two classes"),
        ("happiness=a;*=a", "fewer than two classes"),
    ],
)
def test_what_is_no_scheme_is_refused_in_one_line(text, reason):
    with pytest.raises(UserError, match=re.escape(reason)) as caught:
        parse(text)
    assert str(caught.value).startswith("data.classes")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


_WORDS = st.sampled_from([*EMOTIONS, *EMOTION_SYNONYMS, "*", "", "x", "Fear ", "a b"])
_ENTRIES = st.tuples(st.lists(_WORDS, max_size=4).map("+".join), _WORDS).map("=".join)


@given(st.one_of(st.text(max_size=60), st.lists(_ENTRIES, max_size=5).map(";".join)))
def test_any_text_is_a_scheme_or_one_line(text):
    try:
        scheme = parse(text)
    except UserError:
        return
    found = set(scheme.of.values()) - {""}
    names = scheme.classes(found)
    assert set(scheme.of) == set(EMOTIONS)
    assert set(names) >= found
    assert len(names) == len(set(names)) >= 2
    assert all(CLASS_OF.fullmatch(name) for name in names)
    assert not any(class_schemes.class_name_fault(name) for name in names)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *(("happy", "happiness"), ("Happiness", "happiness"), ("sad", "sadness")),
        *(("Other", "others"), ("OTHERS ", "others"), ("surprised", "surprise")),
        *(("angry", "anger"), ("Tense", "tense"), ("Negative", "negative")),
    ],
)
def test_emotions_have_synonyms(written, meant):
    assert coded_emotion(written) == meant


def test_every_synonym_means_an_emotion_and_is_none_itself():
    assert set(EMOTION_SYNONYMS.values()) <= set(EMOTIONS)
    assert not set(EMOTION_SYNONYMS) & set(EMOTIONS)


@pytest.mark.parametrize("written", ["hapiness", "", "x" * 400])
def test_an_unknown_emotion_names_the_known_ones(written):
    with pytest.raises(ValueError, match=r"known: negative|is blank") as caught:
        coded_emotion(written)
    assert len(str(caught.value)) < 250
