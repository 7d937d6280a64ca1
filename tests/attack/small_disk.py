"""A file system of a few KiB, for which root may mount a tmpfs; without the right, tests skip."""

import contextlib
import pathlib
import subprocess

import pytest


@contextlib.contextmanager
def mounted(place: pathlib.Path):
    """Yields `sized(kib, *options)`: mounts a file system, or gives the mounted one so many KiB."""
    place.mkdir()
    there = []

    def sized(kib, *options):
        again = ["remount"] if there else []
        options = ",".join([*again, f"size={kib}k", *options])
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.decode().strip()}")
        there.append(place)
        return place

    try:
        yield sized
    finally:
        if there:
            subprocess.run(["umount", "-l", place], check=True)


def leftovers(folder: pathlib.Path) -> list[pathlib.Path]:
    """What is under a temporary name, and locks; the file at which builds wait stays."""
    names = ("*.partial", "*orbax-checkpoint-tmp*", "*.incomplete", "*.lock")
    found = (path for name in names for path in folder.rglob(name))
    return [path for path in found if (path.parent.name, path.suffix) != ("ethnic_me", ".lock")]


def kib_of(folder: pathlib.Path) -> int:
    """What a folder takes on a tmpfs, which has pages of 4 KiB."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(-(-size // 4096) * 4 for size in sizes)
