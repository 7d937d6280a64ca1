from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_builders.sources.frame_folder import FrameFolder, frame_number, frame_path

NAMES = ("reg_img{}.jpg", "006_{:05d}.jpg", "img{}.bmp")


@pytest.mark.parametrize(
    ("text", "number"),
    [("46", 46), ("00046", 46), ("reg_img46.jpg", 46), ("006_05562.jpg", 5562), ("/", -1)],
)
def test_the_number_is_the_last_in_the_name(text, number):
    assert frame_number(text) == number


@settings(max_examples=40)
@given(
    present=st.sets(st.integers(0, 2000), max_size=12),
    wanted=st.integers(0, 2000),
    name=st.sampled_from(NAMES),
)
def test_a_number_finds_its_own_frame_or_none(tmp_path_factory, present, wanted, name):
    folder = tmp_path_factory.mktemp("frames")
    for number in present:
        (folder / name.format(number)).touch()
    if wanted in present:
        assert frame_path(folder, str(wanted)) == folder / name.format(wanted)
    else:
        with pytest.raises(ValueError, match=f"no frame {wanted} in"):
            frame_path(folder, str(wanted))


def test_a_frame_may_be_given_by_its_file_name(tmp_path):
    (tmp_path / "first.png").touch()
    assert frame_path(tmp_path, "first.png") == tmp_path / "first.png"
    with pytest.raises(ValueError, match="there is no file"):
        frame_path(tmp_path, "last.png")


def test_a_folder_is_read_once_for_all_frames_between_two(tmp_path):
    for name in ("7.jpg", "08.JPG", "10.png", "12.jpg", "._8.jpg", "Thumbs.db", "cover.jpg"):
        (tmp_path / name).touch()
    folder = FrameFolder.read(tmp_path)
    between = folder.between(8, 11)
    assert [(number, path.name) for number, path in between.items()] == [
        (8, "08.JPG"),
        (10, "10.png"),
    ]
    (tmp_path / "008.bmp").touch()
    with pytest.raises(ValueError, match=r"frame 8: 008.bmp, 08.JPG in"):
        FrameFolder.read(tmp_path).between(8, 11)
