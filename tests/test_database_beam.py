"""Apache Beam: `make test-beam` runs these in an environment that has the extra `[beam]`.

It has one of its own, because Beam wants an older protobuf. Where it is missing, these are skipped.
"""

import dataclasses
import pathlib
import subprocess
import sys

import pytest
from made_up_manifest import OPTIONS, contents, databases, make_raw

from data_builders.database import package, pipeline
from data_builders.database.beam import BeamRunner
from data_builders.database.cache import ClipCache
from data_builders.database.ensure import ensure
from data_builders.ethnic_me.ethnic_me_dataset_builder import EthnicMeConfig
from data_builders.sources import registry
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.data import dataset

PARALLEL = ("--direct_num_workers=2", "--direct_running_mode=multi_processing")


def jobs_of(raw):
    listing = registry.list_clips(registry.Request("manifest", str(raw)))
    return pipeline.jobs(listing.tasks, OPTIONS)


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
@pytest.mark.parametrize("options", [(), PARALLEL], ids=["one worker", "two processes"])
def test_beam_builds_the_same_bytes(tmp_path, options):
    raw = make_raw(tmp_path / "raw")
    (raw.parent / "2a.png").write_bytes(b"no image")
    local = ensure("manifest", str(raw), tmp_path / "local", OPTIONS)
    runner = BeamRunner("DirectRunner", options)
    beam = ensure("manifest", str(raw), tmp_path / "beam", OPTIONS, runner=runner)
    assert beam.relative_to(tmp_path / "beam") == local.relative_to(tmp_path / "local")
    assert contents(beam) == contents(local)


@needs_beam
def test_shards_are_written_by_workers(tmp_path):
    raw = make_raw(tmp_path / "raw")
    jobs = jobs_of(raw)
    runner, cache = BeamRunner("DirectRunner", PARALLEL), ClipCache(tmp_path / "cache")
    assert runner.process(jobs, OPTIONS, cache) == ()
    config = EthnicMeConfig(name="t", clips=runner.records(jobs, OPTIONS, cache), flow_size=8)
    several = dataclasses.replace(runner.download_config(), num_shards=3)
    built = package.write(tmp_path / "data", config, lambda folder: None, several)
    shards = sorted(path.name for path in built.glob("*array_record*"))
    assert [name[-14:] for name in shards] == [f"0000{i}-of-00003" for i in range(3)]
    whole = dataset.from_records([pipeline.record(job, OPTIONS, cache) for job in jobs])
    loaded = dataset.load(built)
    assert loaded.key.tolist() == whole.key.tolist()
    assert (loaded.flow == whole.flow).all()


@needs_beam
def test_what_was_computed_before_is_not_computed_again(tmp_path):
    raw = make_raw(tmp_path / "raw")
    jobs = jobs_of(raw)
    # A local build that stopped after four clips, and goes on with Beam.
    cache = ClipCache(tmp_path / "beam" / ".clips")
    assert pipeline.process(jobs[:4], OPTIONS, cache) == ()
    before = {path: path.stat().st_mtime_ns for path in cache.folder.rglob("*.npz")}
    assert len(before) == 4
    beam = ensure(
        "manifest", str(raw), tmp_path / "beam", OPTIONS, runner=BeamRunner("DirectRunner")
    )
    assert {path: path.stat().st_mtime_ns for path in before} == before
    local = ensure("manifest", str(raw), tmp_path / "local", OPTIONS)
    assert contents(beam) == contents(local)


@needs_beam
def test_a_faulty_flow_is_refused_before_anything_is_written(tmp_path):
    raw = make_raw(tmp_path / "raw")
    pathlib.Path(raw.parent / "1.npy").write_bytes(b"")
    with pytest.raises(UserError, match=r"1\.npy.*nothing was built"):
        ensure("manifest", str(raw), tmp_path / "d", OPTIONS, runner=BeamRunner("DirectRunner"))
    assert databases(tmp_path / "d") == {}
