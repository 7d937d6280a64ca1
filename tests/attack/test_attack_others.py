"""Files of sweeps, studies and explanations, damaged in six ways: refused, or the same result."""

import ml_collections
import pytest
import worlds
from damaging import KINDS, contents, copy, damage, outcome

from ethnicmer_jax import jobs
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.jobs.sweep import grid, result_files, runner, selection

pytestmark = pytest.mark.slow

PEOPLE = [
    ("lab", f"{ethnicity[0]}{number}", ethnicity)
    for ethnicity in ("Asian", "White")
    for number in range(4)
]


def config_for(folder, **overrides):
    return worlds.config(
        **{
            "data__source": "manifest",
            "data__raw": str(folder / "manifest.csv"),
            "data__data_dir": str(folder / "data"),
            "engine__devices": 1,
            "optim__epochs": 1,
            "optim__batch_size": 32,
        }
        | overrides
    )


def files_of(directory, *patterns):
    """Those that match a pattern, relative to the directory."""
    found = (path for pattern in patterns for path in sorted(directory.glob(pattern)))
    return [path.relative_to(directory) for path in found if path.is_file()]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A finished sweep of two points, the points themselves, and what is selected from them."""
    folder = tmp_path_factory.mktemp("sweep")
    worlds.write_manifest(folder, PEOPLE)
    config = config_for(
        folder,
        protocol__name="nested",
        protocol__inner_folds=2,
        classifier="logistic",
        shallow__features="grid",
    )
    with config.unlocked():
        points = ({"shallow.c": 1.0}, {"shallow.c": 2.0})
        config.sweep = ml_collections.ConfigDict({"points": points}, convert_dict=False)
    points = grid.points(config)
    result_files.describe(folder / "all", "tiny", points)
    assert runner.run(points, folder / "all") == {}
    runner.summarise(folder / "all")
    selection.write(folder / "all", folder / "selected")
    return folder / "all", points, (folder / "selected" / "predictions.csv").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sweep(sweep, tmp_path, kind):
    whole, points, selected = sweep
    top = files_of(whole, "sweep.json", "summary.csv")
    for name in (*top, *files_of(whole, f"points/{points[0].name}/*")):
        directory = copy(whole, tmp_path / "all")
        damage(directory / name, kind, whole / "points" / points[1].name / name.name)

        def again(directory=directory):
            result_files.describe(directory, "tiny", points)
            for line in runner.run(points, directory).values():
                assert "traceback in" not in line, line
                raise UserError(line)
            runner.summarise(directory)
            selection.write(directory, directory.with_name("out"), overwrite=True)
            assert (directory.with_name("out") / "predictions.csv").read_bytes() == selected

        said = outcome(again)
        assert said == "done" or name.name in said, (str(name), said)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A config, and the finished study of it."""
    folder = tmp_path_factory.mktemp("study")
    worlds.write_manifest(folder, PEOPLE)
    config = config_for(
        folder,
        name="study",
        protocol__name="study",
        protocol__contrasts=("ethnicity",),
        protocol__subjects=4,
        study__jobs=("arms", "pooled"),
        study__pooled_seeds=1,
        study__label_seeds=1,
    )
    jobs.run(config, folder / "run")
    return config, folder / "run"


@pytest.mark.parametrize("kind", KINDS)
def test_a_study(study, tmp_path, kind):
    config, whole = study
    wanted = contents(whole, "predictions.csv", "metrics.json")
    for name in files_of(whole, "*"):
        directory = copy(whole, tmp_path / "run")
        damage(directory / name, kind, whole / "jobs" / "pooled" / name)
        said = outcome(lambda directory=directory: jobs.run(config, directory))
        assert said == "done" or name.name in said, (str(name), said)
        if said == "done":
            assert contents(directory, *wanted) == wanted, (str(name), kind)
    for name in files_of(whole, "jobs/arms/*"):
        directory = copy(whole, tmp_path / "run")
        (directory / "predictions.csv").unlink()
        damage(directory / name, kind, whole / "jobs" / "pooled" / name.name)
        said = outcome(lambda directory=directory: jobs.run(config, directory, "train"))
        assert said == "done" or name.name in said, (str(name), said)
        if said == "done":
            assert contents(directory, *wanted) == wanted, (str(name), kind)


@pytest.fixture(scope="module")
def explained(trained_embed_workdir, tmp_path_factory):
    """A job with explanations, and a report that shows them."""
    from ethnicmer_jax.explain import run
    from ethnicmer_jax.explain.request import Request

    directory = copy(trained_embed_workdir, tmp_path_factory.mktemp("explained") / "run")
    jobs.resume(directory, "report")
    asked = Request(methods=("gradcam",), label_folds=0, max_clips=4)
    run.run(directory, asked)
    return directory, lambda where: run.run(where, asked)


@pytest.mark.parametrize("kind", KINDS)
def test_explanations(explained, tmp_path, kind):
    whole, again = explained
    names = files_of(whole, "explain/*.json", "explain/*.csv", "explain/figures/*")
    for name in names:
        directory = copy(whole, tmp_path / "run")
        damage(directory / name, kind)
        for action in (lambda where=directory: jobs.resume(where, "report"),
                       lambda where=directory: again(where)):  # fmt: skip
            said = outcome(action)
            assert said == "done" or "explain" in said, (str(name), said)
