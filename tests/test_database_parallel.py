"""Two stages of work: nothing is lost, little is held, a process that dies is said."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import pytest

from data_builders.database import parallel
from ethnicmer_jax.base.schema import UserError


@dataclasses.dataclass(frozen=True)
class Number(parallel.Unfinished):
    value: int


def even_is_done(number):
    return number if number % 2 == 0 else Number(number)


def negated(numbers):
    assert 1 <= len(numbers) <= parallel.BATCH
    return [-number.value for number in numbers]


def dies(number):
    os._exit(3)


def refuse(numbers):
    raise ValueError("no")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 100])
def test_every_item_has_one_result(workers, count):
    given = parallel.in_two_stages(even_is_done, negated, range(count), workers)
    assert sorted(given) == sorted(n if n % 2 == 0 else -n for n in range(count))


def test_items_are_taken_as_they_can_be_worked_on(monkeypatch):
    monkeypatch.setattr(parallel, "HELD", 40)
    taken, given = [], 0
    items = (taken.append(n) or n for n in range(1, 400, 2))
    for _ in parallel.in_two_stages(even_is_done, negated, items, workers=2):
        given += 1
        # A batch counts in full, and is given out one by one once it is done.
        assert len(taken) - given <= 40 + parallel.BATCH
    assert given == 200


def test_a_process_that_died_is_said():
    with pytest.raises(UserError, match="a worker process died"):
        list(parallel.in_two_stages(dies, negated, [1, 2, 3], workers=2))


def test_an_error_of_a_stage_is_the_error_of_all():
    with pytest.raises(ValueError, match="no"):
        list(parallel.in_two_stages(even_is_done, refuse, [1, 3, 5], workers=2))


def test_the_first_stage_of_the_pipeline_needs_no_jax():
    # What a worker imports: the module that its function is in.
    code = "import sys, data_builders.database.pipeline; print('jax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    """Its worker processes run it once more, and end."""
    script = tmp_path / "script.py"
    script.write_text(
        "from data_builders.database import parallel\n"
        "import os\n"
        "list(parallel.in_two_stages(os.path.exists, print, ['a', 'b', 'c'], 2))\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert f'{script} has to do its work under `if __name__ == "__main__":`' in last
