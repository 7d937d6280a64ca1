"""Names that come from a user: of files, of folders, of nothing, and such as nothing can have."""

import pathlib

import pytest

from ethnicmer_jax.base import paths

IMPOSSIBLE = ("1" * 300, "a/" * 3000, "a\0b")


def test_what_is_there(tmp_path):
    file = tmp_path / "file"
    file.touch()
    asked = (paths.is_file, paths.is_folder, paths.exists)
    assert [ask(file) for ask in asked] == [True, False, True]
    assert [ask(tmp_path) for ask in asked] == [False, True, True]
    assert [ask(tmp_path / "other") for ask in asked] == [False, False, False]


@pytest.mark.parametrize("ask", [paths.is_file, paths.is_folder, paths.exists])
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_name_that_nothing_can_have_names_nothing(ask, name):
    assert not ask(pathlib.Path(name))


def test_a_long_path_is_shown_cut():
    assert paths.shown(pathlib.Path("short")) == "short"
    shown = paths.shown(pathlib.Path("x" * 5000))
    assert shown == "x" * 397 + "..."


def test_a_link_out_of_the_folder_is_named(tmp_path):
    folder, other = tmp_path / "raw", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    for place in (folder, other):
        (place / "film").touch()
    (folder / "link").symlink_to(other / "film")
    found = list(paths.outside([folder / "film", folder / "link"], folder))
    assert len(found) == 1
    assert str(folder / "link") in found[0]
    assert "allow_outside" in found[0]
