"""SIGTERM, by which schedulers end a job: what was done is kept, one line says so, exit code 143.

Every file of the project appears whole or not at all, so that a process may end at any moment
and the same command goes on from there. What is in memory alone is saved first where that is
quick: whoever holds something of worth, such as half-trained folds, works within `postponed`.
Elsewhere `Stopped` is raised in the main thread, as Ctrl-C raises KeyboardInterrupt. The main
thread may be busy in a compiled program that lets nothing interrupt it; PATIENCE seconds after
the signal a second thread ends the process, whatever it does.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import functools
import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

CODE = 128 + signal.SIGTERM
"""What shells report of a process that SIGTERM has ended, and schedulers requeue on."""

PATIENCE = 7.0
"""Seconds for saving and leaving in good order; schedulers kill after 10 to 30."""

_PARENT_LOOK = 0.5
_WORKER_PATIENCE = 1.0


class Stopped(BaseException):
    """SIGTERM has come; not an Exception, so that nobody takes it for a fault and goes on."""


class _State:
    """Of this process, as signals are.

    Attributes:
      asked: whether SIGTERM has come.
      postponed: how many blocks of `postponed` the main thread is in.
      said: whether the user has been told.
      line: what the user is told.
      code: exit code.
      listening: whether SIGTERM is listened to.
    """

    def __init__(self) -> None:
        self.asked = False
        self.postponed = 0
        self.said = False
        self.line = "stopped by SIGTERM; the same command resumes"
        self.code = CODE
        self.listening = False


_state = _State()


def listen() -> None:
    """Makes SIGTERM end this process in good order; to be called in the main thread.

    A process that was started deaf to SIGTERM stays so.
    """
    if signal.getsignal(signal.SIGTERM) == signal.SIG_IGN:
        return
    ears, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.signal(signal.SIGTERM, _on_signal)
    # Written to by Python's own handler in C, also while the main thread runs no Python.
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ears,), daemon=True).start()
    threading.excepthook = functools.partial(_of_a_thread, threading.excepthook)
    _state.listening = True


def ask(reason: str, code: int = 2) -> None:
    """Ends this process as SIGTERM would, for another reason; from any thread.

    Where nobody listens to SIGTERM, as in a notebook, the main thread is interrupted.

    Args:
      reason: one line for the user.
      code: exit code.
    """
    if _state.asked:
        return
    _state.line, _state.code = f"error: {reason}", code
    if _state.listening:
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        _say()
        _thread.interrupt_main()


def reason() -> str:
    """Why this process was asked to end; "" where it was not."""
    return _state.line.removeprefix("error: ") if _state.asked else ""


def code() -> int | None:
    """The exit code with which this process was asked to end; None where it was not."""
    return _state.code if _state.asked else None


def asked() -> bool:
    """Whether this process has been asked to end."""
    return _state.asked


def check() -> None:
    """Ends here what `postponed` has put off.

    Raises:
      Stopped: SIGTERM has come.
    """
    if _state.asked:
        raise Stopped


@contextlib.contextmanager
def postponed() -> Iterator[None]:
    """Within it SIGTERM raises nothing: look at `asked`, save, and `check`.

    Raises:
      Stopped: at the end of the block, where SIGTERM has come in it.
    """
    _state.postponed += 1
    try:
        yield
    finally:
        _state.postponed -= 1
    check()


@contextlib.contextmanager
def leaving() -> Iterator[None]:
    """Within it, whatever is raised once SIGTERM has come ends the process as SIGTERM does.

    On its way out a command may meet other errors, such as workers that have died as well.
    """
    try:
        yield
    except BaseException as error:
        if _state.asked:
            # Generators that workers compute for dismiss them when they are let go.
            traceback.clear_frames(error.__traceback__)
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
            _say()
            # What libraries clean up; not waiting for threads, as an interpreter's end does.
            atexit._run_exitfuncs()
            os._exit(_state.code)
        raise


def follow(parent: int) -> None:
    """In a worker process: ends it once its parent is gone, and leaves signals to the parent.

    Ctrl-C and schedulers send their signals to every process of a job. A worker that died
    before its parent has heard of them would look like one that ran out of memory.

    Args:
      parent: number of the process that has started this one, and may have ended since.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGTERM, lambda *_: threading.Timer(_WORKER_PATIENCE, os._exit, (CODE,)).start()
    )

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_LOOK)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _on_signal(number: int, frame: FrameType | None) -> None:
    again, _state.asked = _state.asked, True
    # Of what is let go of on the way out: tasks of workers that are cancelled, say.
    warnings.simplefilter("ignore")
    # A second one must not disturb what the first one has begun.
    if not again and not _state.postponed:
        raise Stopped


def _of_a_thread(
    told: Callable[[threading.ExceptHookArgs], Any], fault: threading.ExceptHookArgs
) -> None:
    """Lets a thread's fault be told, unless it comes of the end: of workers that are gone, say."""
    if not _state.asked:
        told(fault)


def _watch(ears: int) -> None:
    """Ends the process a while after SIGTERM if it has not ended by then."""
    # Numbers of other signals arrive here as well.
    while signal.SIGTERM not in os.read(ears, 64):
        pass
    time.sleep(PATIENCE)
    _say()
    os._exit(_state.code)


def _say() -> None:
    """The one line; not through Python's streams, which the main thread may hold."""
    if not _state.said:
        _state.said = True
        with contextlib.suppress(OSError):
            os.write(2, f"{_state.line}\n".encode())
