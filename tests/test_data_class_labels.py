"""A class scheme on made-up clips: who takes part, as what, and what is said of it."""

import dataclasses

import numpy as np
import pytest

from ethnicmer_jax.base.class_schemes import parse
from ethnicmer_jax.base.schema import ClipLabels, ClipRecord, UserError
from ethnicmer_jax.data import dataset
from ethnicmer_jax.data.class_labels import classed

CODED = (
    # Database, subject, coded emotion of each clip.
    *(("casme2", f"a{who}", ("disgust", "others", "repression")) for who in range(5)),
    ("casme2", "a5", ("happiness", "fear")),
    *(("samm", f"w{who}", ("anger", "others", "happiness")) for who in range(5)),
    ("samm", "w5", ("contempt", "disgust")),
)


def clips(coded=CODED):
    return dataset.from_records(
        [
            ClipRecord(
                ClipLabels(database, subject, f"c{number}", emotion, emotion.title()),
                np.zeros((2, 2, 3), np.float32),
                "normalised",
            )
            for database, subject, emotions in coded
            for number, emotion in enumerate(emotions)
        ]
    )


def said(text, **options):
    return classed(clips(), parse(text), **options).notes


def test_a_clip_has_the_class_of_its_coded_emotion_and_none_is_lost_in_silence():
    made = classed(clips(), parse("3"))
    assert made.dataset.emotion_names == ("negative", "positive", "surprise")
    of = {"Anger": 0, "Disgust": 0, "Repression": 0, "Fear": 0, "Contempt": 0, "Happiness": 1}
    assert made.dataset.emotion.tolist() == [of[raw] for raw in made.dataset.raw_emotion]
    assert made.dataset.emotion.dtype == np.int32
    assert len(made.dataset) == len(clips()) - 10
    assert made.notes == (
        "classes 3: negative 18 clips of 12 subjects, positive 6 of 6, surprise 0 of 0; the "
        "largest, negative, has 75% of the clips",
        "10 clips take no part, for data.classes=3 has no class for them: others 10",
        "no clip at all has the class surprise",
    )


def test_every_database_has_its_own_five():
    made = classed(clips(), parse("5"))
    assert made.dataset.emotion_names == (
        *("happiness", "disgust", "repression", "anger", "contempt", "others"),
    )
    assert made.notes[1:] == (
        "2 clips take no part, for data.classes=5 has no class for them: fear 1, disgust 1",
        "fewer than 5 subjects have clips of contempt (1)",
        "only casme2 has clips of disgust, repression: these classes tell the database, too",
        "only samm has clips of anger, contempt: these classes tell the database, too",
    )


def test_only_the_databases_that_take_part_are_looked_at():
    made = classed(clips(), parse("raw"), ("samm",))
    assert made.dataset.emotion_names == ("happiness", "disgust", "anger", "contempt", "others")
    assert said("raw", databases=("samm",))[0].startswith(
        "classes raw: happiness 5 clips of 5 subjects, disgust 1 of 1, anger 5 of 5"
    )
    assert not any("tell the database" in note for note in made.notes)


def test_a_mapping_of_one_s_own():
    made = classed(clips(), parse("disgust+anger=bad;happiness=good;*="))
    names = np.array(made.dataset.emotion_names)[made.dataset.emotion]
    expected = {"Disgust": "bad", "Anger": "bad", "Happiness": "good"}
    assert names.tolist() == [expected[raw] for raw in made.dataset.raw_emotion]


def test_clips_that_have_no_class_at_all_are_refused_with_what_they_are():
    classless = ("others", "repression")
    coded = [(d, s, tuple(e for e in es if e in classless)) for d, s, es in CODED]
    data = clips(coded)
    with pytest.raises(UserError, match=r"under data.classes=7.*coded others 10, repression 5"):
        classed(data, parse("7"))


def test_the_clips_order_and_everything_else_stays():
    data = clips()
    made = classed(data, parse("3")).dataset
    kept = [raw != "Others" for raw in data.raw_emotion]
    plain = data.select(kept)
    for field in dataclasses.fields(dataset.Dataset):
        if field.name not in ("emotion", "emotion_names"):
            values = (getattr(made, field.name), getattr(plain, field.name))
            np.testing.assert_array_equal(*values)
