"""A manifest drafted from folder trees that no reader has seen."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from data_builders.sources import folder_levels, manifest, manifest_draft, text_table
from ethnicmer_jax.base.schema import UserError


def touch(folder, *paths):
    for path in map(pathlib.Path, paths):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"")
    return folder


def rows(path):
    table = text_table.parse(path)
    return [dict(zip(table.columns, row, strict=True)) for _, row in table.rows]


TREES = {
    "subject, clip": ("{s}/{c}/img{n}.jpg", "s1 s2 s3", {"subject": "s1", "clip": "c1"}),
    "emotion, subject, clip": (
        "happy/{s}/{c}/{n:03}.bmp",
        "s1 s2",
        {"subject": "s1", "clip": "c1", "emotion": "happy"},
    ),
    "kind, subject, kind, emotion, clip": (
        "HS/{s}/micro/negative/{c}/image{n}.png",
        "s01 s02",
        {"subject": "s01", "clip": "c1", "emotion": "negative"},
    ),
    "public databases": (
        "CASME II/{s}/{c}/img{n}.jpg",
        "sub01 sub02",
        {"database": "CASME II", "subject": "sub01", "clip": "c1"},
    ),
    "subject, session, clip": (
        "{s}/day1/{c}/img{n}.jpg",
        "s1 s2 s3 s4",
        {"subject": "s1", "clip": "c1"},
    ),
}


@pytest.mark.parametrize(("tree", "subjects", "expected"), TREES.values(), ids=TREES)
def test_levels_are_what_varies(tmp_path, tree, subjects, expected):
    folder = tmp_path / "My Lab"
    for subject in subjects.split():
        for clip in ("c1", "c2"):
            touch(folder, *(tree.format(s=subject, c=clip, n=n) for n in (7, 8, 9)))
    lines = manifest_draft.write(folder)
    found = rows(folder / "manifest.csv")
    assert len(found) == 2 * len(subjects.split())
    assert found[0] == {
        **{"database": "my_lab", "emotion": "", **expected},
        "frames": str(pathlib.Path(tree.format(s=subjects.split()[0], c="c1", n=7)).parent),
        **{"onset": "7", "apex": "", "offset": "9"},
    }
    if "emotion" in expected:
        listing = manifest.list_clips(folder / "manifest.csv")
        assert listing.problems == ()
        assert {task.motion.numbers for task in listing.tasks} == {(7, 8, 9)}
    to_fill = [line for line in lines if line.startswith("left to fill in")]
    assert to_fill == ([] if "emotion" in expected else ["left to fill in: emotion"])


def test_clips_that_begin_anew_in_each_emotion_stay_apart(tmp_path):
    for emotion in ("anger", "fear"):
        touch(tmp_path, *(f"{s}/{emotion}/1/{n}.png" for s in "ab" for n in range(3)))
    manifest_draft.write(tmp_path)
    assert [row["clip"] for row in rows(tmp_path / "manifest.csv")] == [
        *("anger_1", "fear_1", "anger_1", "fear_1")
    ]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            ["flow/happy/s1_1.npy", "flow/sad/s1_2.npy", "flow/sad/s2_1.npy"],
            {"subject": "s1", "clip": "s1_1", "emotion": "happy", "flow": "flow/happy/s1_1.npy"},
        ),
        (
            ["a/s1/x_anger_1.avi", "a/s2/x_fear_1.AVI"],
            {
                "subject": "s1",
                "emotion": "anger",
                "frames": "a/s1/x_anger_1.avi",
            },
        ),
        (
            [f"{s}/{c}/{e}.png" for s in ("s1", "s2") for c in "ab" for e in ("onset", "Apex")],
            {"subject": "s1", "clip": "a", "onset_path": "s1/a/onset.png"},
        ),
        (
            [f"db{d}__00{s}__c.png" for d in "12" for s in "123"],
            {"database": "db1", "subject": "001", "clip": "c", "flow": "db1__001__c.png"},
        ),
        (
            ["s1/a/1.jpg", "s1/a/5.jpg", "s2/b/2.jpg", "s2/b/9.jpg"],
            {"subject": "s1", "frames": "s1/a", "onset": "1", "apex": "5", "offset": "5"},
        ),
    ],
)
def test_flow_videos_and_pairs_are_found(tmp_path, files, expected):
    touch(tmp_path, *files, ".hidden/x_1.npy", "Thumbs.db")
    manifest_draft.write(tmp_path)
    first = rows(tmp_path / "manifest.csv")[0]
    assert {name: first[name] for name in expected} == expected


def test_what_lies_at_another_depth_is_said(tmp_path):
    touch(tmp_path, *(f"s{s}/c{c}.npy" for s in "12" for c in "12"), "notes/old/deep/x.npy")
    lines = manifest_draft.write(tmp_path)
    assert "not written: 1 at another depth than 2 levels, such as notes/old/deep/x" in lines
    assert len(rows(tmp_path / "manifest.csv")) == 4


def test_a_draft_elsewhere_names_the_folder(tmp_path):
    touch(tmp_path / "lab", "s1/a.npy", "s2/b.npy")
    (tmp_path / "other").mkdir()
    manifest_draft.write(tmp_path / "lab", tmp_path / "beside.csv")
    assert rows(tmp_path / "beside.csv")[0]["flow"] == "lab/s1/a.npy"
    manifest_draft.write(tmp_path / "lab", tmp_path / "other" / "m.csv")
    assert rows(tmp_path / "other" / "m.csv")[0]["flow"] == str(tmp_path / "lab/s1/a.npy")


def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(tmp_path):
    touch(tmp_path / "lab", "s1/a.npy", "coding.xlsx")
    lines = manifest_draft.write(tmp_path / "lab")
    assert any("coding.xlsx may code these clips" in line for line in lines)
    with pytest.raises(UserError, match="is there already: give another file with --raw"):
        manifest_draft.write(tmp_path / "lab")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no frames, videos or flow files"):
        manifest_draft.write(tmp_path / "empty")
    with pytest.raises(UserError, match="there is no folder"):
        manifest_draft.write(tmp_path / "gone")


def test_a_drafted_manifest_of_a_whole_tree_is_read(tmp_path):
    rng = np.random.default_rng(0)
    for subject in ("p1", "p2"):
        for emotion in ("joy", "sad"):
            path = tmp_path / "tree" / emotion / subject / "take1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), rng.integers(0, 256, (8, 8, 3), np.uint8))
    done = subprocess.run(
        [sys.executable, "-m", "data_builders.build", "--init-manifest", str(tmp_path / "tree")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "emotion: level 1 (2 different: joy, sad)" in done.stdout
    found = manifest.list_clips(tmp_path / "tree" / "manifest.csv")
    assert found.problems == ()
    assert [task.key for task in found.tasks] == [
        *("tree/p1/joy_take1", "tree/p2/joy_take1", "tree/p1/sad_take1", "tree/p2/sad_take1")
    ]
    assert [task.labels.emotion for task in found.tasks] == [*["happiness"] * 2, *["sadness"] * 2]


def test_a_tree_of_one_clip_is_left_to_fill_in():
    levels = folder_levels.guess([("film",)], "lab")
    assert (levels.subject, levels.clip, levels.emotion) == ([""], ["film"], [""])


def test_a_level_most_of_whose_names_are_emotions_is_that_of_emotions(tmp_path):
    touch(tmp_path, *(f"s{s}/{e}/c{s}.npy" for s in "12" for e in ("anger", "joy", "unclear")))
    lines = manifest_draft.write(tmp_path)
    assert any(line.startswith("emotion: level 2") for line in lines)
    assert any("emotion: unclear not known" in line for line in lines)
    assert {row["emotion"] for row in rows(tmp_path / "manifest.csv")} == {
        "anger",
        "joy",
        "unclear",
    }
