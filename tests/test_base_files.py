import ast
import contextlib
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys
from concurrent import futures

import numpy as np
import pandas as pd
import pytest

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

CONFIG = {
    "seed": 0,
    "data": {"source": "manifest", "data_dir": "data"},
    "protocol": {"arms": ("stereo",)},
    "engine": {"devices": 0},
}


def altered(section, **values):
    return {**CONFIG, section: {**CONFIG[section], **values}}


def test_the_config_is_written_and_the_same_one_is_welcome_again(tmp_path):
    files.claim(tmp_path / "new", CONFIG)
    files.claim(tmp_path / "new", CONFIG)
    written = json.loads((tmp_path / "new" / "config.json").read_text())
    assert written["protocol"] == {"arms": ["stereo"]}
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"config.json", ".sums"}


@pytest.mark.parametrize(
    "changed", [altered("engine", devices=4), altered("data", data_dir="elsewhere")]
)
def test_where_and_how_fast_may_change(tmp_path, changed):
    files.claim(tmp_path, CONFIG)
    files.claim(tmp_path, changed)


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        ({**CONFIG, "seed": 1}, "seed: 0 -> 1"),
        (altered("data", source="simulated"), 'data.source: "manifest" -> "simulated"'),
        (altered("protocol", arms=()), 'protocol.arms: ["stereo"] -> []'),
        (altered("protocol", draws=2), "protocol.draws: null -> 2"),
    ],
)
def test_another_config_is_refused_with_the_difference(tmp_path, changed, difference):
    files.claim(tmp_path, CONFIG)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(UserError) as caught:
        files.claim(tmp_path, changed)
    assert difference in str(caught.value)
    assert (tmp_path / "config.json").read_bytes() == before


def test_many_differences_stay_one_line(tmp_path):
    files.claim(tmp_path, {f"field{i}": i for i in range(20)})
    with pytest.raises(UserError, match=r"; \.\.\.") as caught:
        files.claim(tmp_path, {})
    assert len(str(caught.value)) < 600


def test_a_damaged_or_missing_file_is_named(tmp_path):
    (tmp_path / "config.json").write_text('{"seed": ')
    with pytest.raises(UserError, match=r"config.json is not JSON"):
        files.claim(tmp_path, CONFIG)
    with pytest.raises(UserError, match=r"metrics.json does not exist"):
        files.read_json(tmp_path / "metrics.json")


WRITERS = {
    "text": lambda path, n: files.write_text(path, f"{n}" * 100_000),
    "json": lambda path, n: files.write_json(path, [n] * 10_000),
    "table": lambda path, n: files.write_table(path, pd.DataFrame({"n": [n] * 10_000})),
    "arrays": lambda path, n: files.write_arrays(path, compressed=True, n=np.full(10_000, n)),
    "directory": lambda path, n: write_directory(path, n),
}


def write_directory(path, n):
    with files.atomic_directory(path) as folder:
        for name in ("a", "b"):
            files.write_text(folder / name, str(n))


def content(path):
    if path.is_dir():
        return tuple(file.read_bytes() for file in sorted(path.iterdir()))
    return path.read_bytes()


def write_often(kind, path, n):
    for _ in range(30):
        WRITERS[kind](path, n)


@pytest.mark.parametrize("kind", WRITERS)
def test_two_writers_at_a_time_leave_what_one_of_them_wrote_and_nothing_else(tmp_path, kind):
    allowed = []
    for n in (1, 2):
        WRITERS[kind](tmp_path / "alone", n)
        allowed.append(content(tmp_path / "alone"))
    path = tmp_path / "sub" / "target"
    with futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: write_often(kind, path, n), (1, 2)))
    assert content(path) in allowed
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("manager", [files.atomic, files.atomic_directory])
def test_a_write_that_fails_changes_nothing(tmp_path, manager, there):
    path = tmp_path / "target"
    if there:
        WRITERS["directory" if manager is files.atomic_directory else "text"](path, 1)
    before = content(path) if there else None
    with contextlib.suppress(RuntimeError), manager(path) as partial:
        files.write_text(partial / "a" if partial.is_dir() else partial, "half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == ([path] if there else [])
    assert not there or content(path) == before


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o002])
@pytest.mark.parametrize("kind", WRITERS)
def test_files_have_the_mode_that_the_user_wishes(tmp_path, kind, mask):
    before = os.umask(mask)
    try:
        WRITERS[kind](tmp_path / "target", 1)
    finally:
        os.umask(before)
    widest = 0o777 if kind == "directory" else 0o666
    assert (tmp_path / "target").stat().st_mode & 0o777 == widest & ~mask


ROOT = pathlib.Path(__file__).resolve().parents[1]
WRITES = {"write_text", "write_bytes", "to_csv", "to_excel", "to_json", "to_parquet", "dump",
          "save", "savez", "savez_compressed", "savetxt", "savefig", "imwrite", "imsave", "tofile",
          "mkstemp", "NamedTemporaryFile", "open", "copy", "copyfile", "move"}  # fmt: skip
ELSEWHERE = {
    # The log is appended to; its reader drops a line that is not whole.
    ("ethnicmer_jax/training/scalars.py", 'self._path.open("a", encoding="utf-8")'),
    # Lines of sums are appended to; a line that is not whole does not count.
    ("ethnicmer_jax/base/sums.py", 'known.open("a+b")'),
    # What a command prints, as it prints it.
    ("benchmarks/gpu.py", 'log.open("w")'),
    # A lock is no content.
    ("ethnicmer_jax/base/lock.py", "json.dump(about, file)"),
    ("data_builders/database/package.py", '(folder / f".{name}.lock").open("w")'),
    ("data_builders/database/package.py", '(folder / f".{other}.lock").open("a")'),
    # Into memory.
    ("ethnicmer_jax/report/style.py", "figure.savefig"),
    ("benchmarks/pictures.py", "figure.savefig(content"),
    # Within an atomic or a temporary directory, by libraries that write to a path only.
    ("benchmarks/build_rate.py", "cv2.imwrite"),
    ("data_builders/sources/export/writing.py", "cv2.imwrite"),
    ("data_builders/sources/export/layout.py", "pd.DataFrame("),
    ("data_builders/sources/export/casme_squared.py", "pd.DataFrame("),
    ("ethnicmer_jax/base/csv_cells.py", "_changed("),
}


def writes_to_a_path(call):
    """Whether a call may write a file by its name."""
    function = call.func
    name = getattr(function, "attr", getattr(function, "id", ""))
    if name not in WRITES:
        return False
    if name == "open":
        modes = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
        modes = [value.value for value in modes if isinstance(value, ast.Constant)]
        return any(isinstance(mode, str) and set(mode) & set("wax+") for mode in modes)
    if name in ("to_csv", "to_json"):
        return bool(call.args)
    if name in ("copy", "move", "save", "dump"):  # methods of arrays, documents, managers, too
        return isinstance(function.value, ast.Name) and function.value.id in (
            "shutil", "np", "jnp", "json", "pickle")  # fmt: skip
    return not (isinstance(function, ast.Attribute) and ast.unparse(function.value) == "files")


def test_nobody_writes_a_file_by_hand():
    wrong = []
    for folder in ("ethnicmer_jax", "data_builders", "benchmarks", "configs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            allowed = tuple(start for file, start in ELSEWHERE if file == name)
            for call in (
                n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)
            ):
                text = ast.unparse(call).replace("'", '"')
                by_hand = name != "ethnicmer_jax/base/files.py" and writes_to_a_path(call)
                if by_hand and not text.startswith(allowed or ("\0",)):
                    wrong.append(f"{name}:{call.lineno} {text}")
    assert wrong == []


def test_what_a_killed_writer_left_is_removed_at_the_next_write_and_a_live_one_is_let_be(tmp_path):
    report, other = tmp_path / "report", tmp_path / ".report.old.partial"
    other.mkdir()
    code = (
        "import os, pathlib, signal; from ethnicmer_jax.base import files\n"
        f"with files.atomic_directory(pathlib.Path({str(report)!r})) as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    (left,) = set(tmp_path.iterdir()) - {other}
    assert left.name.startswith(".report.")
    with files.atomic_directory(report) as live:
        with files.atomic_directory(report) as folder:
            (folder / "whole").write_text("1")
        assert live.is_dir()
        assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"report", other.name}


def test_leftovers_of_an_earlier_life_go_when_a_work_directory_is_used_again(tmp_path):
    node, dead = platform.node(), 2**22 + 1  # beyond the largest process id
    gone = [f".{node}.{dead}.ab.partial", f".report.{node}.{dead}.ab.partial", ".ab.partial",
            ".report.elsewhere.5.ab.partial"]  # fmt: skip
    stays = [f".{node}.{os.getpid()}.ab.partial", ".elsewhere.5.ab.partial", "mine.partial"]
    (tmp_path / "parts").mkdir()
    for name in (*gone, *stays):
        path = tmp_path / ("parts" if name == gone[0] else "") / name
        path.mkdir() if "report" in name else path.touch()
    for name in gone[2:]:  # of others, the age tells
        os.utime(tmp_path / name, (0, 0))
    files.claim(tmp_path, CONFIG)
    left = {path.name for path in tmp_path.rglob("*")}
    assert left == {*stays, "parts", "config.json", ".sums"}


def test_a_file_where_a_report_is_to_be_is_let_be(tmp_path):
    (tmp_path / "report").write_text("mine")
    with (
        pytest.raises(UserError, match="is a file where a folder is to be"),
        files.atomic_directory(tmp_path / "report"),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


@pytest.mark.parametrize("kind", ["over the old one", "anew"])
def test_a_directory_is_missing_for_no_longer_than_two_renames(tmp_path, kind, monkeypatch):
    """The new one is complete before the old one goes, and the old is deleted after the swap."""
    report = tmp_path / "report"
    if kind == "over the old one":
        report.mkdir()
        (report / "page").write_text("old")
    renames, rename = [], pathlib.Path.rename

    def recorded(path, target):
        renames.append((path.name, sorted(item.name for item in path.iterdir())))
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", recorded)
    with files.atomic_directory(report) as folder:
        (folder / "page").write_text("new")
        assert kind == "anew" or (report / "page").read_text() == "old"
    assert [content for _, content in renames] == [["page"]] * len(renames)
    assert (report / "page").read_text() == "new"
