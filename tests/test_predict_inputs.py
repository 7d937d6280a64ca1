"""What inputs hold: clips of every kind, and one line for everything that cannot be used."""

import dataclasses
import pathlib
import string

import cv2
import numbered_videos
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_builders.sources.base import FlowFile, FramePair, FrameSequence
from data_builders.sources.video import VideoFilm, VideoPair
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.predict import inputs
from ethnicmer_jax.predict.recordings import Cut
from ethnicmer_jax.predict.request import Request


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A video, a folder of the same frames, and what is neither."""
    folder = tmp_path_factory.mktemp("inputs")
    numbered_videos.write(folder / "film.mp4", count=12)
    frames = folder / "frames"
    frames.mkdir()
    for number in range(3, 15):
        cv2.imwrite(str(frames / f"img{number:03}.png"), numbered_videos.frame(number)[..., ::-1])
    (folder / "texts").mkdir()
    (folder / "texts" / "notes.txt").write_text("no frames here")
    (folder / "empty").mkdir()
    (folder / "text.mp4").write_text("this is no video")
    return folder


def read(*given, **options):
    return inputs.read(Request([str(one) for one in given], **options))


def motion(contents):
    assert contents.failures == ()
    (clip,) = contents.clips
    return clip.task.motion


def test_a_video_and_a_folder_are_one_clip_each(folder):
    film = motion(read(folder / "film.mp4"))
    assert film == VideoFilm((folder / "film.mp4").absolute(), 0, 11)
    frames = motion(read(folder / "frames"))
    assert isinstance(frames, FrameSequence)
    assert frames.numbers == tuple(range(3, 15))


def test_coded_frames_are_those_of_the_command_line(folder):
    pair = motion(read(folder / "film.mp4", onset=["2"], apex=["0.14s"]))
    assert pair == VideoPair((folder / "film.mp4").absolute(), 2, 7)
    alone = motion(read(folder / "film.mp4", apex=["7"]))
    assert (alone.onset, alone.apex) == (0, 7)
    named = motion(read(folder / "frames", apex=["img009.png"]))
    assert isinstance(named, FramePair)
    assert [path.name for path in (named.onset, named.apex)] == ["img003.png", "img009.png"]
    part = motion(read(folder / "film.mp4", onset=["4"], offset=["9"]))
    assert (part.first, part.last) == (4, 9)


def test_one_value_goes_for_all_inputs_or_there_is_one_for_each(folder):
    both = (folder / "film.mp4", folder / "frames")
    numbers = [clip.labels.apex for clip in read(*both, apex=["5"]).clips]
    assert numbers == [5, 5]
    numbers = [clip.labels.apex for clip in read(*both, apex=["5", "8"]).clips]
    assert numbers == [5, 8]
    with pytest.raises(UserError, match="3 values for 2 inputs"):
        read(*both, apex=["5", "6", "7"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("texts", "holds no image with a frame number"),
        ("empty", "it is empty"),
        ("gone.mp4", "there is no file or folder"),
        ("text.mp4", "is not a video that OpenCV reads"),
        ("texts/notes.txt", "lacks the columns clip"),
        ("frames/img003.png", "is one image"),
        (".", "name the folders in it"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_the_others_go_on(folder, name, reason):
    contents = read(folder / name, folder / "film.mp4")
    assert len(contents.clips) == 1
    (failure,) = contents.failures
    assert reason in str(failure)
    assert str(folder / name) in str(failure)
    assert "\n" not in str(failure)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"apex": ["99"]}, "there is no frame 99"),
        ({"onset": ["9"], "apex": ["3"]}, "not in this order"),
        ({"apex": ["top"]}, "no frame number"),
        ({"onset": ["11"]}, "one frame only"),
    ],
)
def test_frames_that_are_not_there_are_refused_by_the_clip(folder, options, reason):
    contents = read(folder / "film.mp4", **options)
    assert contents.clips == ()
    assert reason in str(contents.failures[0])


def test_a_video_of_one_frame_has_no_motion(tmp_path):
    numbered_videos.write(tmp_path / "one.mp4", count=1)
    (failure,) = read(tmp_path / "one.mp4").failures
    assert "one frame only: there is no motion" in str(failure)


def test_a_video_that_was_cut_off_is_refused_unless_its_frames_are_named(tmp_path):
    """The header of an AVI file stands at its beginning: it still announces what is lost."""
    path = numbered_videos.write(tmp_path / "cut.avi", codec="MJPG", count=40)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (failure,) = read(path).failures
    assert "is cut off" in str(failure)
    assert isinstance(motion(read(path, onset=["2"], apex=["7"])), VideoPair)


def test_a_manifest_needs_no_more_than_clips(folder, tmp_path):
    table = tmp_path / "own.csv"
    table.write_text(
        f"clip,frames,onset,apex\na,{folder}/film.mp4,1,6\nb,{folder}/frames,,\nc,{folder}/no,,\n"
    )
    contents = read(table, allow_outside=True)
    assert [clip.labels.key for clip in contents.clips] == [
        "own/somebody/a",
        "own/somebody/b",
    ]
    assert {clip.labels.raw_emotion for clip in contents.clips} == {""}
    (failure,) = contents.failures
    assert str(failure).startswith(f"{table}: line 4: frames: there is no folder or video")


def test_a_manifest_tells_persons_emotions_and_ethnicities(real_manifest):
    contents = read(real_manifest)
    assert len(contents.clips) == 278
    assert not contents.failures
    assert all(isinstance(clip.task.motion, FlowFile) for clip in contents.clips)
    assert {clip.labels.database for clip in contents.clips} == {"casme2", "samm"}
    told = read(real_manifest, ethnicity="asian")
    assert {clip.labels.ethnicity for clip in told.clips} == {"Asian"}


def test_the_same_clip_counts_once(folder):
    contents = read(folder / "film.mp4", folder / "film.mp4")
    assert [clip.labels.clip for clip in contents.clips] == ["film", "film~2"]
    table = folder / "twice.csv"
    table.write_text(f"clip,frames\na,{folder}/film.mp4\na,{folder}/frames\n")
    contents = read(table, table)
    assert len(contents.clips) == 1
    assert all("already" in str(failure) for failure in contents.failures)


def test_a_person_and_an_ethnicity_are_told_and_checked(folder):
    (clip,) = read(folder / "film.mp4", person="casme2/sub01", ethnicity="White").clips
    assert (clip.labels.person, clip.labels.ethnicity) == ("casme2/sub01", "White")
    assert read(folder / "film.mp4").clips[0].labels.ethnicity == "Unknown"
    for wrong in ({"person": "sub01"}, {"ethnicity": "Martian"}, {"detector": "eyes"}):
        with pytest.raises(UserError, match="--"):
            read(folder / "film.mp4", **wrong)


def test_parts_of_a_recording_are_clips_of_their_own(folder):
    def two(recording):
        return [Cut("1", "3", "5", notes=("candidate",)), Cut("6", "", "11")]

    first, second = read(folder / "film.mp4", cutter=two).clips
    assert (first.labels.clip, second.labels.clip) == ("film@1", "film@6")
    assert first.notes == ("candidate",)
    assert isinstance(first.task.motion, VideoPair)
    assert isinstance(second.task.motion, VideoFilm)


def test_frames_in_memory_are_a_clip():
    images = np.stack([numbered_videos.frame(number) for number in range(6)])
    (clip,) = inputs.read(Request([images])).clips
    assert [number for number, _ in clip.task.motion.frames()] == list(range(6))
    (coded,) = inputs.read(Request([images], onset=["1"], apex=["4"])).clips
    onset, apex = coded.task.motion.read()
    assert (numbered_videos.number(onset), numbered_videos.number(apex)) == (1, 4)
    for wrong in (images[0], images[:1], images.astype(float)):
        assert len(inputs.read(Request([wrong])).failures) == 1


NAMES = st.text(string.printable, min_size=1, max_size=20)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(NAMES, min_size=1, max_size=4), apex=st.lists(NAMES, max_size=1))
def test_whatever_is_named_gives_clips_or_lines(tmp_path, names, apex):
    given_ = [str(tmp_path / name) for name in names]
    try:
        contents = inputs.read(Request(given_, apex=apex))
    except UserError:
        return  # of an apex such as "-" or "nan"
    assert len(contents.clips) + len(contents.failures) >= 1
    assert all("\n" not in str(failure) for failure in contents.failures)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(onset=st.one_of(st.just(""), NAMES), apex=NAMES, offset=st.one_of(st.just(""), NAMES))
def test_whatever_is_called_a_frame_is_found_or_refused(folder, onset, apex, offset):
    for path in (folder / "film.mp4", folder / "frames"):
        try:
            contents = read(path, onset=[onset], apex=[apex], offset=[offset])
        except UserError:
            continue  # of a frame such as "-" or "nan"
        assert len(contents.clips) + len(contents.failures) == 1
        assert dataclasses.is_dataclass(contents)
        assert pathlib.Path(path).exists()
