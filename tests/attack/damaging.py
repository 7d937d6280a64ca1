"""Files damaged in six ways, and what came of it: refused in one line, or done."""

import pathlib
import random
import shutil

from ethnicmer_jax.base.schema import UserError

KINDS = ("truncated", "empty", "flipped", "other type", "missing", "foreign")


def damage(path: pathlib.Path, kind: str, other: pathlib.Path | None = None, seed: int = 0):
    """Damages a file.

    Args:
      path: of it.
      kind: one of KINDS.
      other: the same file of another job, where there is one, for the kind "foreign".
      seed: of the place of the flipped bit.
    """
    content = path.read_bytes()
    path.unlink()
    if kind == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "flipped":
        path.write_bytes(flipped(content, random.Random(f"{path.name} {seed}")))
    elif kind == "other type" and path.suffix == ".json":
        path.write_text("[1]")
    elif kind == "other type":
        path.mkdir()
    elif kind == "foreign":
        foreign = other is not None and other.is_file()
        path.write_bytes(other.read_bytes() if foreign else b"something else\n")


def flipped(content: bytes, rng: random.Random) -> bytes:
    """The content with one bit changed."""
    if not content:
        return b"\x01"
    at, bit = rng.randrange(len(content)), 1 << rng.randrange(8)
    return content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]


def outcome(action) -> str:
    """What a command would end with: "done", or the one line of a refusal.

    Whatever else is raised would be a traceback, and is raised here as well.
    """
    try:
        action()
    except UserError as error:
        line = str(error)
    except OSError as error:
        if error.filename is None:
            raise
        line = f"cannot use {error.filename}: {error.strerror}"
    else:
        return "done"
    assert "\n" not in line.strip(), line
    assert line.strip(), "a refusal says why"
    return line


def copy(directory: pathlib.Path, to: pathlib.Path) -> pathlib.Path:
    """A fresh copy of a directory, in place of what was there."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to)
    return to


def contents(directory: pathlib.Path, *names: str) -> dict[str, bytes]:
    """The named files of a directory."""
    return {name: (directory / name).read_bytes() for name in names}
