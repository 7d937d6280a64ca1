"""What a finished job says to try next works as it stands."""

import pathlib
import shlex

import ethnicmer_jax.commands
from ethnicmer_jax.jobs import next_steps, work_directory


def test_every_command_and_every_path_is_there(trained_workdir):
    steps = list(next_steps.of(work_directory.recorded(trained_workdir), trained_workdir))
    assert [purpose.split()[0] for _, purpose in steps] == ["its", "where", "a"]
    folder = pathlib.Path(ethnicmer_jax.commands.__path__[0])
    for command, _ in steps:
        python, dash_m, package, name, *arguments = shlex.split(command)
        assert (python, dash_m, package) == ("python", "-m", "ethnicmer_jax")
        assert (folder / f"{name}.py").is_file()
        paths = [a.removeprefix("--workdir=") for a in arguments if "/" in a]
        assert paths
        assert all(pathlib.Path(path).exists() for path in paths)


def test_without_checkpoints_of_held_out_folds_nothing_is_explained(trained_workdir):
    config = work_directory.recorded(trained_workdir).copy_and_resolve_references().unlock()
    config.checkpoint.keep = "none"
    assert not any("explain" in command for command, _ in next_steps.of(config, trained_workdir))
    config.protocol.name = "all"
    (step,) = next_steps.of(config, trained_workdir)
    assert step[0].endswith("--detector=retinaface --report VIDEO")
    config.data.detector = "retinaface"
    (step,) = next_steps.of(config, trained_workdir)
    assert "--detector" not in step[0]


def test_where_there_is_no_model_there_is_nothing_to_try(tmp_path, trained_workdir):
    assert not list(next_steps.of(work_directory.recorded(trained_workdir), tmp_path))
