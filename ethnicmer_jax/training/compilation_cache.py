"""Compiled programs are kept from one process to the next, in the user's cache directory.

JAX writes, finds and evicts them (https://docs.jax.dev/en/latest/persistent_compilation_cache.html).
What is decided here: where they lie, how much room they get, and which of them are still trusted.
A program is machine code: those of another processor or another JAX lie in a folder of their own,
so that the machines of a cluster may share a home directory, and a file that is no longer what
was written is removed before JAX reads it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import platform
import shutil
import time
import zlib

import filelock
import jax
from absl import logging

from ethnicmer_jax.base import files
from ethnicmer_jax.base.schema import UserError

SETTING = "ETHNICMER_JAX_CACHE"
"""The environment variable with another folder in place of the user's, or "off"."""

LIMIT = 256 * 2**20
"""Bytes that the programs of one kind of machine and JAX may take; the longest unused go first."""

_COMPILED_IN = 0.05
"""Seconds; what is compiled faster is not kept: finding it among thousands takes as long."""

_UNUSED = 90 * 24 * 3600  # seconds after which the programs of another machine or JAX are removed
_LOCK = ".lockfile"  # JAX's own name
_SUMS = "sums.json"
_ENTRY, _STAMP = "-cache", "-atime"  # what JAX ends the names of a program and its last use in

_CORES = pathlib.Path("/proc/cpuinfo")
# What decides which machine code a processor understands and is given, of x86 and of ARM.
_PROCESSOR = (
    *("vendor_id", "cpu family", "model", "stepping", "flags"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "Features"),
)


@functools.cache
def use() -> None:
    """Tells JAX where to keep what it compiles; before it compiles anything, and once.

    A folder that JAX has been given already, by JAX_COMPILATION_CACHE_DIR or in Python, stays as
    it is. A folder that cannot be used is one line on standard error, and nothing is kept.
    """
    if os.environ.get("JAX_COMPILATION_CACHE_DIR") == "":
        # JAX would put what CUDA's autotuning finds into the folder where the process stands.
        jax.config.update("jax_compilation_cache_dir", None)
        return
    if not jax.config.jax_enable_compilation_cache or jax.config.jax_compilation_cache_dir:
        return
    if os.environ.get(SETTING) == "off":
        return
    try:
        folder = root() / machine()
        _made(folder)
        _forget_others(folder)
        tidy(folder)
    except (OSError, RuntimeError, UserError) as error:
        logging.warning(
            "compiled programs are not kept (%s); %s=DIR names another folder, off says nothing",
            *(" ".join(str(error).split()), SETTING),
        )
        return
    settings = {
        "jax_compilation_cache_dir": str(folder),
        "jax_compilation_cache_max_size": LIMIT,
        "jax_persistent_cache_min_compile_time_secs": _COMPILED_IN,
    }
    for name, value in settings.items():
        if name.upper() not in os.environ:
            jax.config.update(name, value)


def root() -> pathlib.Path:
    """The folder of compiled programs, with one folder for each kind of machine and JAX.

    Raises:
      RuntimeError: the user has no home directory.
    """
    if chosen := os.environ.get(SETTING):
        return pathlib.Path(chosen).expanduser().absolute()
    caches = pathlib.Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not caches.is_absolute():  # as the XDG Base Directory Specification has it
        caches = pathlib.Path.home() / ".cache"
    return caches / "ethnicmer_jax" / "compiled"


def machine() -> str:
    """A name for processors that run the same machine code, under the same JAX."""
    facts = {"system": platform.system(), "machine": platform.machine()}
    try:
        with _CORES.open(encoding="utf-8") as cores:
            for line in cores:
                if not line.strip():
                    break  # the first core speaks for all
                name, _, value = line.partition(":")
                if name.strip() in _PROCESSOR:
                    facts[name.strip()] = value.strip()
    except OSError:
        facts["processor"] = platform.processor()
    digest = hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()
    return f"jax{jax.__version__}-{platform.machine()}-{digest[:12]}"


def tidy(folder: pathlib.Path) -> None:
    """Removes programs that are not what JAX wrote, and notes the checksums of the others.

    JAX writes a program, then the time of its last use: without that time, writing was
    interrupted. It does not replace a damaged file.

    Args:
      folder: of one kind of machine and JAX.

    Raises:
      OSError: it cannot be written or locked.
    """
    with filelock.FileLock(folder / _LOCK, timeout=10):
        known, sums = _known(folder / _SUMS), dict[str, int]()
        for entry in sorted(folder.glob(f"*{_ENTRY}")):
            stamp = entry.with_name(entry.name.removesuffix(_ENTRY) + _STAMP)
            content = entry.read_bytes()
            whole = stamp.is_file() and stamp.stat().st_size == 8
            found = zlib.crc32(content)
            if whole and (found == known[entry.name] if entry.name in known else _reads(content)):
                sums[entry.name] = found
            else:
                entry.unlink()
                stamp.unlink(missing_ok=True)
        # Written each time: its age is how long this folder has not been used.
        files.write_json(folder / _SUMS, sums)


def _made(folder: pathlib.Path) -> None:
    """Makes a folder that nobody else may write into: what lies there is run.

    Raises:
      UserError: others may.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = folder.stat()
    if hasattr(os, "getuid") and (about.st_uid != os.getuid() or about.st_mode & 0o022):
        raise UserError(f"others than you may write into {folder}")


def _forget_others(folder: pathlib.Path) -> None:
    """Removes what machines and versions of JAX have left that are not used any more."""
    for other in folder.parent.glob(f"*/{_SUMS}"):
        with contextlib.suppress(OSError):
            if other.parent != folder and time.time() - other.stat().st_mtime > _UNUSED:
                shutil.rmtree(other.parent, ignore_errors=True)


def _known(path: pathlib.Path) -> dict[str, int]:
    """The checksums that the last process noted."""
    with contextlib.suppress(UserError):
        known = files.read_json(path)
        if isinstance(known, dict):
            return known
    return {}


def _reads(content: bytes) -> bool:
    """Whether a program that has no checksum yet is as it was compressed.

    JAX compresses by zlib, which has a checksum of its own; by Zstandard where that is installed,
    and such files are taken as they are.
    """
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return True
    try:
        zlib.decompress(content)
    except zlib.error:
        return False
    return True
