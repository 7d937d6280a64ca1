"""Clips without a coded apex go through the builders; what was found is kept with the pixels."""

import dataclasses

import drawn_films
import pytest

from data_builders.database import apex_search, pipeline
from data_builders.database.cache import ClipCache
from data_builders.database.pipeline import BuildOptions
from data_builders.sources.base import FramePair, FrameSequence

OPTIONS = BuildOptions(flow_method="dis", flow_size=8, image_size=16, crop_size=64, workers=1)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    task = drawn_films.clips()[0]
    return task, drawn_films.in_files(task, tmp_path_factory.mktemp("films") / "clip")


def test_the_apex_is_found_recorded_and_cached(film, tmp_path):
    coded, uncoded = film
    store = ClipCache(tmp_path)
    jobs = pipeline.jobs([uncoded], OPTIONS)
    pipeline.process(jobs, OPTIONS, store)
    (record,) = pipeline.records(jobs, OPTIONS, store)
    labels = record.labels
    assert abs(labels.apex - coded.labels.apex) <= 2
    assert (labels.onset, labels.offset) == (coded.labels.onset, coded.labels.offset)
    assert labels.extra["apex_source"] == "found"
    assert 0 <= float(labels.extra["apex_confidence"]) <= 1
    assert not [column for column in labels.extra if column.endswith("_found")]
    # The same as of the two frames alone, and stored with the pixels whatever the labels are.
    motion = uncoded.motion
    paths = [motion.paths[motion.numbers.index(n)] for n in (labels.onset, labels.apex)]
    assert (pipeline.compute(FramePair(*paths), OPTIONS).flow == record.flow).all()
    relabelled = dataclasses.replace(uncoded, labels=dataclasses.replace(labels, apex=-1))
    (again,) = pipeline.jobs([relabelled], OPTIONS)
    assert again.key == jobs[0].key
    assert pipeline.record(again, OPTIONS, store).labels.apex == labels.apex


def test_the_key_of_a_film_follows_its_frames_and_their_numbers(film):
    _, task = film
    motion = task.motion

    def key(numbers, paths):
        changed = dataclasses.replace(task, motion=FrameSequence(numbers, paths))
        return pipeline.jobs([changed], OPTIONS)[0].key

    same = key(motion.numbers, motion.paths)
    assert key(motion.numbers[:-1], motion.paths[:-1]) != same
    assert key(tuple(n + 1 for n in motion.numbers), motion.paths) != same


def test_a_doubtful_apex_is_reported(film, monkeypatch, tmp_path):
    monkeypatch.setattr(apex_search, "DOUBTFUL", 1.1)
    jobs = pipeline.jobs([film[1]], OPTIONS)
    (problem,) = pipeline.process(jobs, OPTIONS, ClipCache(tmp_path))
    assert not problem.fatal
    assert "was found with confidence" in problem.what


def test_a_coded_apex_stays():
    labels = drawn_films.clips()[0].labels
    kept = apex_search.labelled(labels, {"face_score": "1"})
    assert kept == dataclasses.replace(labels, extra={**labels.extra, "face_score": "1"})


@pytest.mark.parametrize(
    ("numbers", "files", "expected"),
    [
        ((1,), "a", "two frames or more, not in 1"),
        ((), "", "two frames or more, not in 0"),
        ((1, 2), "a", "2 frame numbers for 1 files"),
        ((2, 1), "ab", "do not rise"),
        ((1, 1), "ab", "do not rise"),
    ],
)
def test_sequences_that_are_none_are_refused(tmp_path, numbers, files, expected):
    with pytest.raises(ValueError, match=expected):
        FrameSequence(numbers, tuple(tmp_path / name for name in files))


def test_a_frame_that_is_not_there_is_named(tmp_path):
    sequence = FrameSequence((1, 2), (tmp_path / "a.png", tmp_path / "b.png"))
    with pytest.raises(ValueError, match="no frame 3"):
        sequence.frame(3)
    with pytest.raises(ValueError, match=r"a\.png is missing"):
        list(sequence.frames())
