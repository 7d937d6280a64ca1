"""A manifest reads what lies in its folder; whatever leads out of it needs --allow_outside."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from data_builders.database.ensure import ensure
from data_builders.database.pipeline import BuildOptions
from data_builders.sources import manifest, manifest_draft, registry
from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.predict import inputs
from ethnicmer_jax.predict.request import Request

HEADER = "database,subject,clip,emotion,flow,frames,onset,apex,offset,onset_path,apex_path\n"


@pytest.fixture
def folder(tmp_path):
    """A manifest's folder, and another one beside it with the same files."""
    for name in ("mine", "others"):
        place = tmp_path / name
        (place / "film").mkdir(parents=True)
        np.save(place / "flow.npy", np.random.default_rng(0).normal(size=(8, 8, 3)))
        for number in (1, 2, 3):
            frame = np.full((8, 8, 3), 9 * number, np.uint8)
            cv2.imwrite(str(place / "film" / f"{number}.png"), frame)
        film = cv2.VideoWriter(
            str(place / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (16, 16)
        )
        for value in range(4):
            film.write(np.full((16, 16, 3), 9 * value, np.uint8))
        film.release()
    mine = tmp_path / "mine"
    (mine / "link.npy").symlink_to("../others/flow.npy")
    (mine / "linked").symlink_to("../others", target_is_directory=True)
    (mine / "frames").mkdir()
    for number in (1, 2):
        (mine / "frames" / f"{number}.png").symlink_to(f"../../others/film/{number}.png")
    (mine / "inner.npy").symlink_to("flow.npy")
    return mine


def listed(folder, row, **how):
    path = folder / "manifest.csv"
    path.write_text(f"{HEADER}lab,1,a,fear,{row}\n")
    return manifest.list_clips(path, **how)


OUTSIDE = {
    "dots": "../others/flow.npy,,,,,,",
    "absolute": "{}/flow.npy,,,,,,",
    "link": "link.npy,,,,,,",
    "linked folder": "linked/flow.npy,,,,,,",
    "folder, number": ",../others/film,1,2,3,,",
    "folder of links, number": ",frames,1,2,,,",
    "folder of links, uncoded": ",frames,1,,2,,",
    "folder, name": ",film,../../others/film/1.png,2,3,,",
    "video": ",../others/film.avi,0,1,2,,",
    "video, uncoded": ",linked/film.avi,,,,,",
    "pair": ",,,,,film/1.png,../others/film/2.png",
    "backslash": "..\\others\\flow.npy,,,,,,",
}
INSIDE = (
    "flow.npy,,,,,,",
    "./film/../flow.npy,,,,,,",
    "../mine/flow.npy,,,,,,",
    "inner.npy,,,,,,",
    ",film,1,2,3,,",
    ",film,,,,,",
    ",film.avi,0,1,2,,",
    ",,,,,film/1.png,film/2.png",
)


@pytest.mark.parametrize("row", OUTSIDE.values(), ids=OUTSIDE)
def test_what_leads_out_is_refused_by_name_or_allowed(folder, row):
    row = row.format(folder.parent / "others")
    (problem,) = listed(folder, row).problems
    assert problem.fatal
    assert "leads out of" in problem.what
    assert "--allow_outside" in problem.what
    assert listed(folder, row, allow_outside=True).problems == ()


@pytest.mark.parametrize("row", INSIDE)
def test_what_stays_inside_is_read(folder, row):
    assert listed(folder, row).problems == ()


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "elsewhere" / "link"
    place.symlink_to(folder, target_is_directory=True)
    assert listed(place, INSIDE[0]).problems == ()
    assert len(listed(place, OUTSIDE["dots"]).problems) == 1


def test_the_table_of_a_mapping_file(folder):
    listed(folder.parent / "others", INSIDE[0])
    path = folder / "lab.toml"
    path.write_text('table = "../others/manifest.csv"\n')
    with pytest.raises(UserError, match=r"lab\.toml: .*leads out of .*--allow_outside"):
        manifest.list_clips(path)
    assert manifest.list_clips(path, allow_outside=True).problems == ()


def test_builds_and_predictions_refuse_and_allow_alike(folder, tmp_path):
    listed(folder, OUTSIDE["dots"])
    raw = folder / "manifest.csv"
    options = BuildOptions(flow_size=8, workers=1)
    with pytest.raises(UserError, match=r"leads out of .*nothing was built"):
        ensure("manifest", str(raw), tmp_path / "data", options)
    assert not (tmp_path / "data").exists()
    assert ensure("manifest", str(raw), tmp_path / "data", options, allow_outside=True).is_dir()
    (failure,) = inputs.read(Request([raw])).failures
    assert "leads out of" in failure.reason
    assert inputs.read(Request([raw], allow_outside=True)).failures == ()


def test_an_earlier_work_directory_goes_on_with_the_setting(tmp_path):
    files.claim(tmp_path, {"data": {"allow_outside": False}})
    files.claim(tmp_path, {"data": {"allow_outside": True}})


def test_a_draft_elsewhere_says_the_flag_and_its_manifest_is_read_with_it(folder, tmp_path):
    (tmp_path / "drafts").mkdir()
    out = tmp_path / "drafts" / "m.csv"
    *_, command = manifest_draft.write(folder.parent / "others", out)
    assert "--allow_outside" in command
    text = out.read_text().replace(",,", ",fear,", 1)
    out.write_text(text)
    asked = registry.Request("manifest", str(out), allow_outside=True)
    assert not any("leads out" in str(problem) for problem in registry.list_clips(asked).problems)
    *_, command = manifest_draft.write(folder.parent / "others")
    assert "--allow_outside" not in command


@pytest.mark.slow
def test_the_commands_have_the_flag(folder):
    listed(folder, OUTSIDE["dots"])
    for flag, code in (("", 2), ("--allow_outside", 0)):
        command = [sys.executable, "-m", "data_builders.build", "--source=manifest", "--check"]
        done = subprocess.run(
            [*command, f"--raw={folder / 'manifest.csv'}", *filter(None, [flag])],
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
