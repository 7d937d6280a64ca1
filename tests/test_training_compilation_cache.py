import json
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache as of_jax

from ethnicmer_jax.training import compilation_cache, devices

OURS = ("JAX_COMPILATION_CACHE", "JAX_PERSISTENT", "JAX_ENABLE", "ETHNICMER", "XDG", "HOME")
CONFIG = (
    "jax_compilation_cache_dir",
    "jax_compilation_cache_max_size",
    "jax_enable_compilation_cache",
    "jax_persistent_cache_min_compile_time_secs",
)
# The programs of these tests are compiled in no time.
ALL = {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
EVENTS = []
jax.monitoring.register_event_listener(lambda name, **_: EVENTS.append(name.rpartition("/")[2]))


@pytest.fixture
def start(monkeypatch, caplog, recwarn):
    """A function that does what a new process would, without the seconds that JAX takes to start.

    It gives the number of programs compiled and kept, of programs found, and what was said.
    """
    values = {name: getattr(jax.config, name) for name in CONFIG}

    def run(number=1, **environment):
        for name in [name for name in os.environ if name.startswith(OURS)]:
            monkeypatch.delenv(name)
        for name, value in {**ALL, **environment}.items():
            monkeypatch.setenv(name, str(value))
        given = environment.get("JAX_COMPILATION_CACHE_DIR")
        jax.config.update(CONFIG[0], given if given is None else str(given))
        jax.config.update(CONFIG[1], int(environment.get("JAX_COMPILATION_CACHE_MAX_SIZE", -1)))
        jax.config.update(CONFIG[2], "JAX_ENABLE_COMPILATION_CACHE" not in environment)
        jax.config.update(CONFIG[3], 0.0)
        of_jax.reset_cache()
        compilation_cache.use.cache_clear()
        caplog.clear()
        recwarn.clear()
        EVENTS.clear()
        devices.local()
        numbers = np.arange(5, dtype=np.float32)
        assert float(jax.jit(lambda x: (x * 3 + number).sum())(numbers)) == 30 + 5 * number
        assert float(jax.jit(lambda x: x.max() - number)(numbers)) == 4 - number
        said = [*caplog.messages, *(str(warning.message) for warning in recwarn)]
        return EVENTS.count("cache_misses"), EVENTS.count("cache_hits"), said

    yield run
    for name, value in values.items():
        jax.config.update(name, value)
    of_jax.reset_cache()
    compilation_cache.use.cache_clear()


def entries(folder):
    return sorted(folder.rglob("*-cache"))


def test_a_second_process_finds_what_the_first_compiled(tmp_path):
    program = """
import jax
from ethnicmer_jax.training import devices
seen = []
jax.monitoring.register_event_listener(lambda name, **_: seen.append(name.rpartition("/")[2]))
devices.local()
jax.jit(lambda x: (x * 3).sum())(jax.numpy.arange(5.0))
print(seen.count("cache_misses"), seen.count("cache_hits"))
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    counts = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=pathlib.Path(__file__).resolve().parents[1],
            env=clean | ALL | {"HOME": str(tmp_path), "XDG_CACHE_HOME": "not/absolute"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        counts.append(tuple(map(int, done.stdout.split())))
    (compiled, found), again = counts
    assert compiled > 0
    assert found == 0
    assert again == (0, compiled)
    home = tmp_path / ".cache" / "ethnicmer_jax" / "compiled" / compilation_cache.machine()
    assert len(entries(home)) == compiled
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "no_stamp"])
def test_a_damaged_program_is_compiled_again_and_mended(start, tmp_path, damage):
    before = start(ETHNICMER_JAX_CACHE=tmp_path)[0]
    if damage == "changed":
        start(ETHNICMER_JAX_CACHE=tmp_path)  # notes the checksums
    largest = max(entries(tmp_path), key=lambda path: path.stat().st_size)
    content = largest.read_bytes()
    middle = len(content) // 2
    if damage == "cut":
        largest.write_bytes(content[:middle])
    elif damage == "changed":
        flipped = bytes([content[middle] ^ 1])
        largest.write_bytes(content[:middle] + flipped + content[middle + 1 :])
    elif damage == "emptied":
        largest.write_bytes(b"")
    else:
        largest.with_name(largest.name.replace("-cache", "-atime")).unlink()
    assert start(ETHNICMER_JAX_CACHE=tmp_path) == (1, before - 1, [])
    assert start(ETHNICMER_JAX_CACHE=tmp_path) == (0, before, [])


def test_what_was_noted_of_programs_may_be_lost_or_damaged(start, tmp_path):
    before = start(ETHNICMER_JAX_CACHE=tmp_path)[0]
    noted = next(tmp_path.rglob("sums.json"))
    for content in ("", "[]", "{"):
        noted.write_text(content)
        assert start(ETHNICMER_JAX_CACHE=tmp_path)[:2] == (0, before)
    assert set(json.loads(noted.read_text())) == {path.name for path in entries(tmp_path)}


def test_the_folder_is_bounded_and_the_longest_unused_go_first(start, tmp_path):
    start(1, ETHNICMER_JAX_CACHE=tmp_path)
    size = sum(path.stat().st_size for path in entries(tmp_path))
    limit = {"ETHNICMER_JAX_CACHE": tmp_path, "JAX_COMPILATION_CACHE_MAX_SIZE": 2 * size}
    for number in range(2, 5):
        start(number, **limit)
        assert sum(path.stat().st_size for path in entries(tmp_path)) <= 2 * size
    assert start(4, **limit)[0] == 0
    assert start(1, **limit)[0] > 0


@pytest.mark.parametrize(
    "off",
    [
        {"ETHNICMER_JAX_CACHE": "off"},
        {"JAX_ENABLE_COMPILATION_CACHE": "false"},
        {"JAX_COMPILATION_CACHE_DIR": ""},
    ],
)
def test_one_setting_turns_it_off(start, tmp_path, off):
    for _ in range(2):
        assert start(HOME=tmp_path, **off) == (0, 0, [])
    assert list(tmp_path.rglob("*")) == []


def test_a_folder_that_jax_was_given_stays(start, tmp_path):
    given = {"JAX_COMPILATION_CACHE_DIR": tmp_path / "own", "HOME": tmp_path / "home"}
    start(**given)
    assert {path.parent for path in entries(tmp_path)} == {tmp_path / "own"}


def test_a_folder_that_cannot_be_used_is_one_line(start, tmp_path):
    (tmp_path / "file").write_text("")
    said = start(ETHNICMER_JAX_CACHE=tmp_path / "file")[2]
    assert len(said) == 1
    assert "compiled programs are not kept" in said[0]
    shared = tmp_path / "shared" / compilation_cache.machine()
    shared.mkdir(parents=True)
    shared.chmod(0o777)
    said = start(ETHNICMER_JAX_CACHE=tmp_path / "shared")[2]
    assert len(said) == 1
    assert "others than you may write into" in said[0]
    assert entries(tmp_path) == []


def test_programs_of_machines_that_are_gone_are_removed(start, tmp_path):
    for name, age in (("gone", 100), ("recent", 10), ("not_ours", 100)):
        folder = tmp_path / name
        folder.mkdir()
        noted = folder / ("file" if name == "not_ours" else "sums.json")
        noted.write_text("{}")
        then = noted.stat().st_mtime - age * 24 * 3600
        os.utime(noted, (then, then))
    start(ETHNICMER_JAX_CACHE=tmp_path)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"recent", "not_ours", compilation_cache.machine()}


def test_another_processor_has_a_folder_of_its_own(monkeypatch, tmp_path):
    here = compilation_cache.machine()
    cores = tmp_path / "cpuinfo"
    cores.write_text("processor : 0\nmodel : 1\nflags : sse avx\ncpu MHz : 1\n\nprocessor : 1\n")
    monkeypatch.setattr(compilation_cache, "_CORES", cores)
    other = compilation_cache.machine()
    cores.write_text(cores.read_text().replace("cpu MHz : 1", "cpu MHz : 2"))
    assert compilation_cache.machine() == other
    cores.write_text(cores.read_text().replace("avx", "avx512f"))
    assert len({here, other, compilation_cache.machine()}) == 3
