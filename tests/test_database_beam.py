"""Needs the extra `[beam]`; skipped without it."""

import pathlib
import subprocess
import sys

import pytest
from made_up_manifest import OPTIONS, contents, databases, make_raw

from data_builders.database.beam import BeamRunner
from data_builders.database.ensure import ensure
from ethnicmer_jax.base.schema import UserError


def has_beam():
    try:
        import apache_beam  # noqa: F401
    except ImportError:
        return False
    return True


needs_beam = pytest.mark.skipif(
    not has_beam(), reason="Apache Beam is not installed (pip install 'ethnicmer_jax[beam]')"
)


@pytest.mark.skipif(has_beam(), reason="Apache Beam is installed")
def test_without_beam_the_runner_says_how_to_install_it():
    with pytest.raises(UserError, match=r"not installed: pip install 'ethnicmer_jax\[beam\]'"):
        BeamRunner("DirectRunner")


def test_the_command_says_so_too():
    arguments = ["--source=manifest", "--raw=x.csv", "--beam=NoSuchRunner"]
    command = [sys.executable, "-m", "data_builders.build", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Beam" in done.stderr
    assert "Traceback" not in done.stderr


@needs_beam
def test_beam_builds_the_same_bytes(tmp_path):
    raw = make_raw(tmp_path / "raw")
    (raw.parent / "2a.png").write_bytes(b"no image")
    local = ensure("manifest", str(raw), tmp_path / "local", OPTIONS)
    runner = BeamRunner("DirectRunner")
    beam = ensure("manifest", str(raw), tmp_path / "beam", OPTIONS, runner=runner)
    assert beam.relative_to(tmp_path / "beam") == local.relative_to(tmp_path / "local")
    assert contents(beam) == contents(local)


@needs_beam
def test_a_faulty_flow_is_refused_before_anything_is_written(tmp_path):
    raw = make_raw(tmp_path / "raw")
    pathlib.Path(raw.parent / "1.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"1\.npy.*nothing was built"):
        ensure("manifest", str(raw), tmp_path / "d", OPTIONS, runner=BeamRunner("DirectRunner"))
    assert databases(tmp_path / "d") == {}
