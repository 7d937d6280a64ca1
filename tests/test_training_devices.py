import os
import pathlib
import subprocess
import sys

import jax
import pytest
import worlds

from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.training import devices

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAIN = ["ethnicmer_jax.main", "--config=configs/smoke.py", "--config.data.source=manifest"]


@pytest.mark.parametrize(
    ("platform", "command"),
    [
        ("cuda", MAIN),
        ("no_such_platform", MAIN),
        ("tpu", ["ethnicmer_jax", "models"]),
    ],
)
def test_a_platform_that_is_not_there_is_one_line(tmp_path, platform, command):
    if command is MAIN:
        where = [f"--workdir={tmp_path / 'run'}", f"--config.data.data_dir={tmp_path / 'data'}"]
        command = [*MAIN, *where, f"--config.data.raw={worlds.write_manifest(tmp_path)}"]
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": platform},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(said) == 1
    assert "Traceback" not in done.stderr
    assert f"JAX_PLATFORMS is {platform}: unset it" in said[0]
    assert not (tmp_path / "run").exists()


def test_more_devices_than_there_are_are_refused():
    devices.check(0)
    devices.check(len(jax.local_devices()))
    with pytest.raises(UserError, match=r"engine\.devices is 99 and there are"):
        devices.check(99)
