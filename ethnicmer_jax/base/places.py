"""Places that cannot be read or written: what the system says, as one line that helps.

A full disk, a quota, a read-only file system, a file where a folder has to be, a name that is too
long: none is a fault of the program, and each can be met wherever it writes. `naming` gives an
error the path that it lacks, where files are written; `line` makes one line of it, at the one
place where commands end (`base.cli`). Libraries written in C++ (the store of checkpoints, of
databases) raise errors of their own, in whose text the system's words stand.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import re
from collections.abc import Iterator

_AGAIN = "then start the same command again"
CURES = {
    errno.ENOSPC: f"make room there, {_AGAIN}",
    errno.EDQUOT: f"your quota is used up; make room there, {_AGAIN}",
    errno.EFBIG: f"files may not be that large; raise the limit (ulimit -f), {_AGAIN}",
    errno.EROFS: "name a place that can be written to",
    errno.EACCES: "ask for the right to use it, or name another place",
    errno.EPERM: "ask for the right to use it, or name another place",
    errno.ENAMETOOLONG: "name a place with a shorter path; file systems take 255 bytes a name",
    errno.ENOTDIR: "a file is where a folder has to be; name another place, or move the file",
    errno.EEXIST: "a file is where a folder has to be; name another place, or move the file",
    errno.EISDIR: "a folder is where a file has to be; name another place, or move the folder",
    errno.EMFILE: f"too many files are open; raise the limit (ulimit -n), {_AGAIN}",
    errno.ENFILE: f"too many files are open on this machine; {_AGAIN}",
    errno.EIO: "the disk or its server has failed; look into the system's log",
    errno.ESTALE: f"the file server has lost it; {_AGAIN}",
}
"""Error number -> what to do. Others are shown in the system's words alone."""

_WORDS = {
    os.strerror(number): number
    for number in CURES
    if number not in (errno.EEXIST, errno.EPERM, errno.EIO)
}
"""What the system calls them, to be found in the messages of libraries."""

_PATH = re.compile(r"""["'](/[^"'\n]*)["']|\b(?:path|file)[=:]\s*(/[^\s,;\]]+)""")


@contextlib.contextmanager
def naming(path: pathlib.Path, partial: pathlib.Path | None = None) -> Iterator[None]:
    """Names `path` in errors of the system that name nothing, or its temporary stand-in.

    Args:
      path: what is written within.
      partial: the temporary file or folder that is written in its place.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        named = error.filename is not None and str(error.filename)
        if not named or (partial is not None and named.startswith(str(partial))):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def check_room(folder: pathlib.Path, size: int) -> None:
    """Refuses a file system without room, for writers that do so with more than one line.

    Args:
      folder: on it.
      size: bytes that are going to be written.

    Raises:
      OSError: there is less room.
    """
    status = os.statvfs(folder)
    if (free := status.f_bavail * status.f_frsize) < size:
        words = f"{os.strerror(errno.ENOSPC)} ({free >> 10} KiB are free, {size >> 10} are needed)"
        raise OSError(errno.ENOSPC, words, str(folder))


def line(error: BaseException) -> str | None:
    """One line about a place that cannot be used; None where that is not what happened.

    Args:
      error: what has ended a command; what caused it is looked at, too.
    """
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        said = _of_system(one) if isinstance(one, OSError) else _of_library(one)
        if said is not None:
            return said
        one = one.__cause__ or one.__context__
    return None


def _of_system(error: OSError) -> str | None:
    if error.filename is not None:
        return _said(error.errno, error.strerror or str(error), str(error.filename))
    if error.errno in CURES and error.errno != errno.EPIPE:
        return _said(error.errno, error.strerror or "", "")
    return _of_library(error)


def _of_library(error: BaseException) -> str | None:
    """Of an exception in whose message the system's words stand."""
    text = str(error)
    for words, number in _WORDS.items():
        if words in text:
            found = _PATH.search(text)
            return _said(number, words, (found[1] or found[2]) if found else "")
    return None


def _said(number: int | None, words: str, path: str) -> str:
    cure = CURES.get(number, "") if number is not None else ""
    # A name of thousands of letters would bury what is said of it.
    shown = path if len(path) <= 300 else f"{path[:140]} ... {path[-140:]}"
    what = f"cannot use {shown}: {words}" if path else words
    return f"{what}; {cure}" if cure else what
