import json
import types

import pytest
import report_workdir

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import result_files


def described(directory, *names):
    points = [types.SimpleNamespace(name=name, overrides={"seed": i}) for i, name in
              enumerate(names)]  # fmt: skip
    result_files.describe(directory, "grid", points)
    return directory


def test_points_come_back_in_order_finished_or_not(tmp_path):
    described(tmp_path, "b", "a", "c")
    report_workdir.write(tmp_path / "points" / "a")
    result_files.write_error(tmp_path, "c", "no such fusion", "Traceback\nof many lines")
    name, points = result_files.read(tmp_path)
    assert name == "grid"
    assert [point.name for point in points] == ["b", "a", "c"]
    assert [point.overrides for point in points] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert [point.predictions is None for point in points] == [True, False, True]
    assert [point.error for point in points] == [None, None, "no such fusion"]
    assert points[1].config["name"] == "baseline"
    assert points[0].config == {}
    result_files.clear_error(tmp_path, "c")
    assert result_files.read(tmp_path)[1][2].error is None


def test_wall_time_adds_up_over_interruptions(tmp_path):
    described(tmp_path, "a")
    point = result_files.work_directory(tmp_path, "a")
    point.mkdir(parents=True)
    (point / "wall.json").write_text('{"seconds": 100.0}')
    with pytest.raises(KeyboardInterrupt), result_files.timed(point):
        raise KeyboardInterrupt
    # The second time took no time to speak of, and does not replace the first.
    assert result_files.read(tmp_path)[1][0].seconds == pytest.approx(100, abs=5)


def test_a_job_that_was_refused_leaves_no_directory(tmp_path):
    with pytest.raises(UserError), result_files.timed(tmp_path / "points" / "a"):
        raise UserError("no")
    assert not (tmp_path / "points").exists()


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(UserError, match="it has no sweep"):
        result_files.read(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "x"}', '{"name": 1, "points": [3]}'])
def test_a_damaged_list_of_points_is_refused(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(UserError, match=r"sweep\.json is") as caught:
        result_files.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_point_is_named(tmp_path):
    described(tmp_path, "a")
    point = report_workdir.write(tmp_path / "points" / "a")
    (point / "wall.json").write_text(json.dumps({}))
    with pytest.raises(UserError, match=r"a/wall\.json"):
        result_files.read(tmp_path)
