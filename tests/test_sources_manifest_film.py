"""Folders without a coded apex and video files as motion of a manifest."""

import dataclasses
import pathlib

import cv2
import drawn_films
import numbered_videos
import numpy as np
import pytest

from data_builders.database import pipeline
from data_builders.database.pipeline import BuildOptions
from data_builders.sources import manifest
from data_builders.sources.base import FrameSequence
from data_builders.sources.video import VideoFilm, VideoPair

HEADER = "database,subject,clip,emotion,frames,onset,apex,offset"
OPTIONS = BuildOptions(flow_method="dis", flow_size=8, image_size=16, crop_size=64, workers=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video of 40 frames at 50 fps, a folder of five images, a folder without any."""
    root = tmp_path_factory.mktemp("clips")
    numbered_videos.write(root / "film.mpg", "MPG1")
    numbered_videos.write(root / "one.mkv", "FFV1", count=1)
    (root / "text.mp4").write_text("no video")
    (root / "images").mkdir()
    (root / "bare").mkdir()
    for number in (3, 4, 6, 7, 9):
        cv2.imwrite(str(root / "images" / f"img{number}.png"), numbered_videos.frame(number))
    return root


def listing(folder, motion):
    path = folder / "manifest.csv"
    path.write_text(f"{HEADER}\nlab,1,1,anger,{motion}\n")
    return manifest.list_clips(path)


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ("4,9,20", (4, 9, 20)),
        ("0,39,", (0, 39, -1)),
        ("0.08s,0.18 s,0.4sec", (4, 9, 20)),
        ('"0,08 s",9,0.40 seconds', (4, 9, 20)),
    ],
)
def test_frames_of_a_video_are_given_by_number_or_time(folder, cells, numbers):
    (task,) = listing(folder, f"film.mpg,{cells}").tasks
    assert task.motion == VideoPair(folder / "film.mpg", *numbers[:2])
    assert (task.labels.onset, task.labels.apex, task.labels.offset) == numbers
    seen = [numbered_videos.number(image) for image in task.motion.read()]
    assert seen == list(numbers[:2])


@pytest.mark.parametrize("uncoded", ["", "/", "-1", "NA"])
def test_a_video_without_an_apex_is_a_film(folder, uncoded):
    (task,) = listing(folder, f"film.mpg,4,{uncoded},0.4s").tasks
    assert task.motion == VideoFilm(folder / "film.mpg", 4, 20)
    assert (task.labels.onset, task.labels.apex, task.labels.offset) == (4, -1, 20)
    seen = [(number, numbered_videos.number(image)) for number, image in task.motion.frames()]
    assert seen == [(number, number) for number in range(4, 21)]
    assert numbered_videos.number(task.motion.frame(17)) == 17


def test_without_any_number_the_whole_video_counts(folder):
    (task,) = listing(folder, "film.mpg,,,").tasks
    assert [number for number, _ in task.motion.frames()] == list(range(40))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [("3,,9", (3, 4, 6, 7, 9)), (",,", (3, 4, 6, 7, 9)), ("img4.png,,7", (4, 6, 7))],
)
def test_a_folder_without_an_apex_is_a_sequence(folder, cells, numbers):
    (task,) = listing(folder, f"images,{cells}").tasks
    paths = tuple(folder / "images" / f"img{number}.png" for number in numbers)
    assert task.motion == FrameSequence(numbers, paths)


FAULTS = {
    "gone.mp4,1,2,3": "there is no folder or video",
    "text.mp4,1,2,3": "text.mp4 is not a video that OpenCV reads",
    "film.mpg,4,40,": "apex: ",
    "film.mpg,4,,0.9s": "offset: ",
    "film.mpg,4,2,": "not in this order: 4, 2",
    "film.mpg,,9,": "onset: is blank",
    "film.mpg,four,9,": "onset: 'four' is no frame number such as 46 and no time such as 0.35s",
    "film.mpg,img4.png,9,": "onset: 'img4.png' is no frame number",
    "film.mpg,20,,20": "one frame only",
    "one.mkv,,,": "one frame only",
    "bare,,,": "frames: an apex can be found among two frames or more, not in 0",
    "images,9,,": "frames: an apex can be found among two frames or more, not in 1",
    "images,5,,9": "onset: no frame 5",
    "images,3,,8": "offset: no frame 8",
    "images,gone.png,,9": "onset: there is no file",
}


@pytest.mark.parametrize(("cells", "expected"), FAULTS.items())
def test_faults_are_one_line(folder, cells, expected):
    found = listing(folder, cells)
    assert not found.tasks
    assert all("\n" not in str(problem) for problem in found.problems)
    assert any(expected in problem.what for problem in found.problems), found.problems


def test_the_end_of_a_video_is_named(folder):
    (problem,) = listing(folder, "film.mpg,4,40,").problems
    assert "film.mpg has 40 frames, 0 to 39: there is no frame 40" in problem.what
    (problem,) = listing(folder, "film.mpg,4,,0.9s").problems
    assert "film.mpg ends at 0.78 s: there is no frame at 0.9 s" in problem.what


def test_a_drawn_film_as_a_video_gives_its_apex(tmp_path):
    task = drawn_films.clips()[0]
    images = [image for _, image in drawn_films.DrawnFilm(task.motion).frames()]
    numbered_videos.write(tmp_path / "clip.mp4", "mp4v", fps=100.0, frames=images)
    (listed,) = listing(tmp_path, "clip.mp4,,,").tasks
    record = pipeline.make_record(listed, OPTIONS)
    labels = record.labels
    assert abs(labels.apex - (task.labels.apex - task.labels.onset)) <= 2
    assert (labels.onset, labels.offset) == (0, len(images) - 1)
    assert labels.extra["apex_source"] == "found"
    coded = dataclasses.replace(
        listed, motion=VideoPair(pathlib.Path(listed.motion.path), 0, labels.apex)
    )
    np.testing.assert_array_equal(pipeline.make_record(coded, OPTIONS).flow, record.flow)
