import pytest

from ethnicmer_jax.base import writable
from ethnicmer_jax.base.schema import UserError


def test_what_can_be_written_need_not_be_there(tmp_path):
    writable.check(tmp_path / "a" / "b" / "c.zip")
    writable.check(tmp_path)
    (tmp_path / "c.zip").touch()
    writable.check(tmp_path / "c.zip")


def test_what_is_there_is_replaced_where_that_was_asked_for(tmp_path):
    (tmp_path / "c.zip").touch()
    with pytest.raises(UserError, match=r"c\.zip is there; .*--overwrite"):
        writable.check(tmp_path / "c.zip", overwrite=False)
    writable.check(tmp_path / "d.zip", overwrite=False)


def test_nothing_is_written_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot be written: .*file is a file"):
        writable.check(tmp_path / "file" / "x" / "c.zip")


@pytest.mark.parametrize("place", ["", "x/c.zip"])
def test_a_folder_that_only_reads_is_named(tmp_path, monkeypatch, place):
    monkeypatch.setattr(writable.os, "access", lambda path, mode: False)  # whoever runs the tests
    with pytest.raises(UserError, match="only reads; name another place"):
        writable.check(tmp_path / place)
