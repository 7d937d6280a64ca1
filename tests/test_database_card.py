import dataclasses
import pathlib

from data_builders.database import card
from data_builders.database.card import BuildReport
from data_builders.sources.base import ClipTask, FlowFile, FramePair, FrameSequence
from ethnicmer_jax.base.schema import ActionUnit, ClipLabels

FLOW = FlowFile(pathlib.Path("f.png"))
FRAMES = FramePair(pathlib.Path("a.png"), pathlib.Path("b.png"))
FILM = FrameSequence((1, 2), (pathlib.Path("a.png"), pathlib.Path("b.png")))


def clip(database, subject, clip, emotion, ethnicity, motion=FLOW, units=()):
    labels = ClipLabels(
        database=database,
        subject=subject,
        clip=clip,
        emotion=emotion,
        raw_emotion=emotion,
        ethnicity=ethnicity,
        ethnicity_source="" if ethnicity == "Unknown" else "human",
        action_units=units,
    )
    return ClipTask(labels, motion)


REPORT = BuildReport(
    name="manifest-abc",
    fingerprint="abcdef",
    tasks=[
        clip("one", "1", "a", "negative", "Asian", FRAMES, (ActionUnit(4),)),
        clip("one", "1", "b", "positive", "Asian"),
        clip("one", "2", "a", "negative", "Unknown"),
        clip("two", "1", "a", "negative", "Asian", FILM),
        clip("two", "2", "a", "surprise", "Black"),
    ],
    options={"source": "manifest", "flow_size": 28},
    notes=["same pixels: one/1/a, one/1/b"],
    reported=["two/2/a: 2 faces"],
    left_out=["two/9/z: a.png is damaged"],
)


def rows(text):
    """Table rows of the card, as tuples of cells."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines]


def test_clips_and_subjects_are_counted():
    text = card.render(REPORT)
    assert "5 micro-expression clips of 4 subjects in 2 databases" in text
    found = rows(text)
    assert ("one", "2", "3", "1", "0", "1") in found
    assert ("two", "2", "2", "1", "1", "0") in found


def test_classes_are_counted_by_database_and_ethnicity():
    found = rows(card.render(REPORT))
    assert ("one", "Asian", "1", "2", "1", "1", "0", "human") in found
    assert ("one", "Unknown", "1", "1", "1", "0", "0", "nobody") in found
    assert ("two", "Black", "1", "1", "0", "0", "1", "human") in found


def test_an_ethnicity_of_one_database_is_called_confounded():
    assert "In one database only: Black." in card.render(REPORT)


def test_one_database_alone_confounds_nothing():
    one = dataclasses.replace(
        REPORT, tasks=[task for task in REPORT.tasks if task.labels.subject == "1"]
    )
    assert "confounded" not in card.render(one)
    alone = dataclasses.replace(REPORT, tasks=REPORT.tasks[:3])
    assert "confounded" not in card.render(alone)
    assert "in 1 database," in card.render(alone)


def test_what_was_left_out_is_named_and_why():
    assert "- two/9/z: a.png is damaged" in card.render(REPORT)
    assert "- same pixels: one/1/a, one/1/b" in card.render(REPORT)
    whole = dataclasses.replace(REPORT, left_out=(), reported=(), notes=())
    assert "None." in card.render(whole)
    assert "## Notes" not in card.render(whole)
    assert "deserve a look" not in card.render(whole)


def test_what_deserves_a_look_is_named():
    assert "- two/2/a: 2 faces" in card.render(REPORT)


def test_cells_cannot_break_the_tables():
    odd = clip("three|x", "1", "a", "negative", "White")
    report = dataclasses.replace(REPORT, tasks=[odd])
    assert any(row[:2] == ("three\\", "x") for row in rows(card.render(report)))
