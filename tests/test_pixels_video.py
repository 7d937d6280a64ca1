"""Video files: the frame asked for, whatever the codec; what cannot be trusted is refused."""

import cv2
import numbered_videos
import numpy as np
import pytest

from data_builders.pixels import video


@pytest.mark.parametrize(("codec", "container"), numbered_videos.CODECS.items())
def test_the_frame_asked_for_is_the_one_decoded(tmp_path, codec, container):
    path = numbered_videos.write(tmp_path / f"clip.{container}", codec)
    decoded = [numbered_videos.number(image) for image in video.frames(path)]
    assert decoded == list(range(40))
    for number in (0, 1, 11, 12, 13, 38, 39):
        assert numbered_videos.number(video.frame(path, number)) == number
    part = [numbered_videos.number(image) for image in video.frames(path, 7, 30)]
    assert part == list(range(7, 31))
    np.testing.assert_allclose(video.seconds(path), np.arange(40) / 50, atol=0.0021)


def test_lossless_frames_are_the_same_bytes_and_rgb(tmp_path):
    path = numbered_videos.write(tmp_path / "clip.mkv", "FFV1", count=3)
    for number, image in enumerate(video.frames(path)):
        np.testing.assert_array_equal(image, numbered_videos.frame(number))


def test_a_time_means_the_frame_shown_nearest_to_it(tmp_path):
    path = numbered_videos.write(tmp_path / "clip.mp4")
    for second, number in ((0.0, 0), (0.02, 1), (0.029, 1), (0.031, 2), (0.35, 17), (0.78, 39)):
        assert abs(video.number_at(path, second) - number) <= (second == 0.35)  # .34 or .36
    with pytest.raises(ValueError, match=r"ends at 0\.78 s: there is no frame at 1\.5 s"):
        video.number_at(path, 1.5)


def test_a_variable_frame_rate_is_followed(tmp_path):
    path = numbered_videos.speed_up(numbered_videos.write(tmp_path / "clip.mp4"), after=20)
    expected = [*np.arange(20) / 50, *(0.4 + np.arange(20) / 100)]
    np.testing.assert_allclose(video.seconds(path), expected, atol=1e-6)
    assert [numbered_videos.number(image) for image in video.frames(path)] == list(range(40))
    assert video.number_at(path, 0.5) == 30


def test_a_rotation_flag_is_applied(tmp_path):
    upright = numbered_videos.write(tmp_path / "a.mp4")
    turned = numbered_videos.turn(numbered_videos.write(tmp_path / "b.mp4"))
    expected = np.rot90(video.frame(upright, 5), k=-1)
    np.testing.assert_array_equal(video.frame(turned, 5), expected)


def test_more_than_eight_bits_are_refused(tmp_path):
    path = tmp_path / "deep.mkv"
    settings = [cv2.VIDEOWRITER_PROP_DEPTH, cv2.CV_16U, cv2.VIDEOWRITER_PROP_IS_COLOR, 0]
    code = cv2.VideoWriter_fourcc(*"FFV1")
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, 50, (128, 96), settings)
    for number in range(3):
        writer.write(np.full((96, 128), 1000 * number, np.uint16))
    writer.release()
    with pytest.raises(ValueError, match="more than 8 bits"):
        video.frame(path, 0)


DEEP = (b"Y3\x0b\x0a", b"\x0a\x0b3Y", b"Y1\x00\x10", b"Y3\x0a\x0c", b"G3\x00\x0a", b"RGB0", b"P010")
EIGHT = (b"I420", b"422P", b"Y42B", b"NV12", b"Y800", b"BGRA", b"RGB\x18", b"Y4\x0b\x08", b"YUY2")


@pytest.mark.parametrize(
    ("tag", "deep"), [*((tag, True) for tag in DEEP), *((tag, False) for tag in EIGHT)]
)
def test_pixel_formats_are_told_apart(tag, deep):
    assert video.is_deep(int.from_bytes(tag, "little")) == deep


def test_files_that_are_no_video_are_refused_in_one_line(tmp_path, capfd):
    (tmp_path / "text.mp4").write_text("no video" * 100)
    (tmp_path / "empty.avi").write_bytes(b"")
    whole = numbered_videos.write(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    capfd.readouterr()
    for name in ("text.mp4", "empty.avi", "half.mp4"):
        with pytest.raises(ValueError, match=f"{name} is not a video that OpenCV reads"):
            video.seconds(tmp_path / name)
    for name in ("gone.mp4", "."):
        with pytest.raises(ValueError, match="there is no video"):
            video.seconds(tmp_path / name)
    assert capfd.readouterr() == ("", "")


def test_a_frame_beyond_the_end_is_refused_and_a_cut_file_ends_earlier(tmp_path):
    path = numbered_videos.write(tmp_path / "clip.webm", "VP80")
    message = r"clip\.webm has 40 frames, 0 to 39: there is no frame 40"
    with pytest.raises(ValueError, match=message):
        video.frame(path, 40)
    with pytest.raises(ValueError, match=message):
        video.check_number(path, 40)
    with pytest.raises(ValueError, match=message):
        list(video.frames(path, 38, 40))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert 5 < len(video.seconds(path)) < 40
