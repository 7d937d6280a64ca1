"""What every source's listing is checked for, through the one way that commands list clips."""

import pathlib

import pytest

from data_builders.sources import codes, listing_checks, registry
from data_builders.sources.base import ClipTask, FlowFile, FramePair, FrameSequence, Listing
from ethnicmer_jax.base.schema import ClipLabels

FLOW = FlowFile(pathlib.Path("flow.png"))


def task(subject, database="lab", motion=FLOW, clip="c", **frames):
    return ClipTask(ClipLabels(database, subject, clip, "negative", "anger", **frames), motion)


def found(*tasks):
    return [str(problem) for problem in listing_checks.checked(Listing(tasks)).problems]


@pytest.mark.parametrize(
    ("first", "second"), [("001", "1"), ("sub01", "sub1"), ("S7", "s7"), ("00", "0")]
)
def test_two_codes_of_one_person_are_reported_once(first, second):
    (problem,) = found(task(first), task(second, clip="d"), task(first, clip="e"), task("9"))
    assert f"lab/{first}" in problem
    assert f"lab/{second}" in problem
    assert "may be the same person" in problem


@pytest.mark.parametrize(("first", "second"), [("10", "1"), ("s1", "t1"), ("1_1", "11")])
def test_other_codes_are_other_people(first, second):
    assert found(task(first), task(second)) == []


def test_one_database_under_two_names_is_reported():
    (problem,) = found(task("7", database="my lab"), task("07", database="my_lab"))
    assert "my lab/7: may be the same person as my_lab/07" in problem


def test_one_code_in_two_databases_is_two_people():
    assert found(task("001"), task("1", database="other")) == []


@pytest.mark.parametrize("code", ["", "0", "000", "a0b00c", "９"])
def test_folding_a_code_twice_changes_nothing(code):
    assert codes.folded(codes.folded(code)) == codes.folded(code)


def test_a_clip_whose_onset_is_its_apex_is_reported_and_kept():
    one, two = pathlib.Path("a/1.png"), pathlib.Path("a/2.png")
    tasks = (
        task("1", motion=FramePair(one, two), onset=46, apex=46),
        task("2", motion=FramePair(one, one)),
        task("3", motion=FramePair(one, two), onset=1, apex=2),
        task("4", motion=FLOW, onset=46, apex=46),
    )
    listing = listing_checks.checked(Listing(tasks))
    assert listing.tasks == tasks
    assert [problem.where for problem in listing.problems] == ["lab/1/c", "lab/2/c"]
    assert "both frame 46" in listing.problems[0].what
    assert "both the file 1.png" in listing.problems[1].what
    assert not any(problem.fatal for problem in listing.problems)


def test_the_commands_see_it_whatever_the_source(tmp_path):
    (tmp_path / "flow.npy").write_bytes(b"")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "database,subject,clip,emotion,flow\nlab,001,a,anger,flow.npy\nlab,1,b,anger,flow.npy\n"
    )
    (problem,) = registry.list_clips(registry.Request("manifest", str(manifest))).problems
    assert problem.where == "lab/001"


def test_clips_without_a_coded_apex_are_counted():
    motion = FrameSequence((1, 2), (pathlib.Path("1.png"), pathlib.Path("2.png")))
    tasks = (task("1", motion=motion), task("2"))
    notes = listing_checks.checked(Listing(tasks)).notes
    assert notes == ("no apex is coded in 1 clips: it is found, and recorded as found",)
