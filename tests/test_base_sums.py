"""Sums of files that are read back: what is accepted, what is refused, what a kill leaves."""

import pytest

from ethnicmer_jax.base import files, sums
from ethnicmer_jax.base.schema import UserError


def test_what_was_written_is_read_and_anything_else_is_named(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": 1}, summed=True)
    assert files.read_json(path) == {"a": 1}
    path.write_text('{"a": 2}')
    with pytest.raises(sums.DamagedError, match=r"metrics\.json is not what was written") as caught:
        files.read_json(path)
    assert caught.value.path == path
    assert "\n" not in str(caught.value)
    assert "if the change is meant, delete" in str(caught.value)
    (tmp_path / sums.FILE_NAME).unlink()
    assert files.read_json(path) == {"a": 2}


def test_a_file_without_a_sum_is_read(tmp_path):
    (tmp_path / "old.json").write_text("{}")
    files.write_json(tmp_path / "new.json", {}, summed=True)
    assert files.read_json(tmp_path / "old.json") == {}


def test_whoever_is_killed_between_sum_and_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": 1}, summed=True)
    sums.record(path, sums.of_bytes(b"what never came"))
    assert files.read_json(path) == {"a": 1}


def test_a_line_cut_off_by_a_kill_spoils_no_other(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": 1}, summed=True)
    with (tmp_path / sums.FILE_NAME).open("a") as file:
        file.write("12ab")
    files.write_json(path, {"a": 2}, summed=True)
    assert len(sums.recorded(tmp_path)["metrics.json"]) == 2
    assert files.read_json(path) == {"a": 2}


def test_a_folder_in_place_of_the_sums_is_set_aside(tmp_path, capsys):
    (tmp_path / sums.FILE_NAME).mkdir()
    files.write_text(tmp_path / "a", "one", summed=True)
    assert "sums are written down anew" in capsys.readouterr().err
    assert sums.recorded(tmp_path).keys() == {"a"}


def test_the_same_content_is_written_down_once(tmp_path):
    for _ in range(3):
        files.write_json(tmp_path / "metrics.json", {"a": 1}, summed=True)
    assert len((tmp_path / sums.FILE_NAME).read_text().splitlines()) == 1


def test_what_was_written_and_is_gone_is_not_just_missing(tmp_path):
    path = tmp_path / "folds.npz"
    assert not sums.is_lost(path)
    with pytest.raises(FileNotFoundError):
        sums.read(path)
    files.write_bytes(path, b"", summed=True)
    path.unlink()
    assert sums.is_lost(path)
    with pytest.raises(sums.DamagedError, match="is gone, though it was written"):
        sums.read(path)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"', "{", "", "\0", "[" * 100_000])
def test_json_of_another_kind_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"metrics\.json is not") as caught:
        files.read_json(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("folder", [False, True])
def test_what_is_set_aside_is_named_and_an_earlier_one_goes(tmp_path, capsys, folder):
    for content in ("1", "2"):
        path = tmp_path / "part"
        if folder:
            path.mkdir()
            (path / "a").write_text(content)
        else:
            path.write_text(content)
        sums.set_aside(path, "it is made again")
        assert not path.exists()
    aside = tmp_path / "part.damaged"
    assert (aside / "a" if folder else aside).read_text() == "2"
    assert "part.damaged; it is made again" in capsys.readouterr().err


def test_lines_of_json_carry_their_sum(tmp_path):
    line = sums.line({"epoch": 1, "loss": 0.123456789, "run": None})
    assert sums.values_of(line) == {"epoch": 1, "loss": 0.123456789, "run": None}
    assert sums.values_of('{"epoch": 1}') == {"epoch": 1}
    with pytest.raises(ValueError, match="not what was written"):
        sums.values_of(line.replace("0.12", "0.13"))
    with pytest.raises(ValueError, match="not a JSON object"):
        sums.values_of("[1]")
