"""Files of a calibration, damaged in six ways: refused in one line, or simulated to the same bytes.

Plans of recordings are calibrations as well, with tables of their own that are always written anew.
"""

import pandas as pd
import pytest
import small_calibrations
from damaging import KINDS, contents, copy, damage, outcome

from ethnicmer_jax.jobs.calibration import plan, result_files, runner

TABLES = (result_files.DATABASES, result_files.RATES, result_files.SIDES, result_files.FACTORS)


def tiny():
    """Four databases in two chunks."""
    config = small_calibrations.config()
    config.classifier = "logistic"
    config.shallow.features = "grid"
    return config


def write(folder, chunk):
    """Results of a chunk, as a table of its databases."""
    table = pd.DataFrame([vars(world) for world in chunk.worlds])
    columns = [name for name in (*result_files._TYPES, *result_files._FLAGS) if name not in table]
    result_files.write(result_files.path(folder, chunk), table.assign(**dict.fromkeys(columns, 1)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_chunk_is_not_taken_for_a_finished_one(tmp_path, kind):
    first, second = plan.chunks(tiny())
    for chunk in (first, second):
        write(tmp_path, chunk)
        assert result_files.is_finished(tmp_path, chunk)
    damage(result_files.path(tmp_path, first), kind, result_files.path(tmp_path, second))
    assert not result_files.is_finished(tmp_path, first)
    assert result_files.is_finished(tmp_path, second)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A config, and the finished calibration of it."""
    folder = tmp_path_factory.mktemp("calibration")
    config = tiny()
    runner.run(config, folder)
    return config, folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_on_to_the_same_bytes_or_says_why_not(whole, tmp_path, kind):
    config, folder = whole
    wanted = contents(folder, *TABLES)
    names = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    for name in (name for name in names if name.parts[0] != "report"):
        again = copy(folder, tmp_path / "again")
        damage(again / name, kind)
        said = outcome(lambda again=again: runner.run(config, again))
        assert said == "done" or name.name in said, (str(name), said)
        if said == "done":
            assert contents(again, *wanted) == wanted, (str(name), kind)
