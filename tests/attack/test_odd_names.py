"""Paths and names with brackets, backslashes, per cent, quotes, markup: nothing reads them."""

from __future__ import annotations

import pathlib
import shutil

import numbered_videos
import numpy as np
import pytest

from data_builders.pixels import video
from ethnicmer_jax.explain import request
from ethnicmer_jax.report import console
from ethnicmer_jax.training.checkpoint import FoldCheckpoints

NAMES = (
    "run[1]",
    "a\\b",
    "50%s",
    "what?*",
    'it\'s "mine"',
    "é 日本",
    "{x} $y$",
    "[/b]",
    "#1 & <i>",
)


@pytest.mark.parametrize("name", [*NAMES[:4], "".join(NAMES[4:])])
@pytest.mark.parametrize("where", ["folder", "fold"])
def test_checkpoints_come_back(tmp_path, name, where):
    folder = tmp_path / name.replace("/", ":") if where == "folder" else tmp_path
    fold = "loso/lab-1" if where == "folder" else f"loso/lab-{name.replace('/', ':')}"
    saved = FoldCheckpoints(folder / "checkpoints")
    state = {
        "params": {"kernel": np.arange(6, dtype=np.float32).reshape(1, 2, 3)},
        "batch_stats": {"bn": {"var": np.ones((1, 3), np.float32)}},
    }
    saved.save([fold], state, 2)
    one = {
        "params": {"kernel": np.zeros((2, 3), np.float32)},
        "batch_stats": {"bn": {"var": np.zeros(3, np.float32)}},
    }
    read = saved.restore([fold], one)
    np.testing.assert_array_equal(read["params"]["kernel"], state["params"]["kernel"])
    np.testing.assert_array_equal(
        saved.network(fold)["params"]["kernel"], state["params"]["kernel"][0]
    )
    assert (folder / "checkpoints" / fold / "2").is_dir()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_is_text(name, capsys):
    console.print_line(name)
    console.print_report(pathlib.Path(name) / "index.html")
    first, second = capsys.readouterr().out.splitlines()
    assert first == name
    assert second == f"report: {pathlib.Path(name) / 'index.html'}"


def test_a_clip_with_brackets_is_found_by_its_name_and_globs_are_globs():
    names = np.array(["lab/[x]/a", "lab/x/a", "lab/y/b"])
    found = request._matching(names, ["lab/[x]/a"], "clip", "--clips")
    assert found.tolist() == [True, False, False]
    assert request._matching(names, ["lab/[xy]/*"], "clip", "--clips").tolist() == [
        False,
        True,
        True,
    ]


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return numbered_videos.write(tmp_path_factory.mktemp("film") / "a.avi", "MJPG", count=3)


@pytest.mark.parametrize(
    "name", ["concat:a|b.avi", "file:x.avi", "http:x.avi", "a%03d.avi", "[x]*?.avi", "a b'.avi"]
)
def test_a_video_is_the_file_of_its_name(film, tmp_path, monkeypatch, name):
    shutil.copy(film, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(video.seconds(pathlib.Path(name))) == 3


@pytest.mark.parametrize(
    "content",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{film}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile '{film}'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
        "",
    ],
)
@pytest.mark.parametrize("suffix", ["avi", "m3u8", "mp4"])
def test_a_playlist_is_no_video(film, tmp_path, content, suffix):
    path = tmp_path / f"list.{suffix}"
    path.write_text(content.format(film=film))
    with pytest.raises(ValueError, match="is not a video that OpenCV reads"):
        video.seconds(path)
