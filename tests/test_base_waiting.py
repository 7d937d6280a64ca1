import threading
import time

import pytest

from ethnicmer_jax.base import waiting
from ethnicmer_jax.base.schema import UserError


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", 0.3)
    monkeypatch.setattr(waiting, "_INTERVAL", 0.02)


def waited_for(path, signs):
    waiting.until(lambda: "" if path.exists() else path.name, signs)


def test_what_is_there_is_not_waited_for(tmp_path):
    waiting.until(lambda: "", tmp_path / "nowhere")
    waiting.until(lambda: "", None)


@pytest.mark.parametrize("there", [True, False])
def test_without_a_sign_of_life_waiting_ends_and_says_what_is_missing(tmp_path, there):
    signs = tmp_path / "signs"
    if there:
        waiting.sign(signs)
    with pytest.raises(UserError, match=r"waited for it, but nothing has changed in .*signs") as e:
        waited_for(tmp_path / "it", signs)
    assert "\n" not in str(e.value)
    assert "start the same command again" in str(e.value)


def test_as_long_as_somebody_gets_on_there_is_no_end(tmp_path):
    """However long it takes: here, many times the patience."""

    def work():
        for _ in range(20):
            waiting.sign(tmp_path / "signs")
            time.sleep(0.05)
        (tmp_path / "it").touch()

    worker = threading.Thread(target=work)
    worker.start()
    waited_for(tmp_path / "it", tmp_path / "signs")
    worker.join()
