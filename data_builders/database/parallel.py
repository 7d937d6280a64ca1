"""Two stages of work: items in many processes, then batches of what they give in one process.

The second stage has a process of its own, since JAX takes seconds and memory to start and an
accelerator belongs to one process; the workers of the first stage never import it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import MappingProxyType
from typing import TypeVar

import cv2

from ethnicmer_jax.base import stopping
from ethnicmer_jax.base.schema import UserError

BATCH = 32
"""Items that the second stage takes at a time, at most."""

HELD = 256
"""Items that are in one of the stages or between them, at most: it bounds the memory."""

_SECOND_STAGE = MappingProxyType(
    {
        # XLA reads it when its CPU client starts. Batches are solved side by side in threads;
        # without it the small loops of each would be divided among all cores once more.
        "NPROC": "1",
        # The program that a build belongs to may hold most of an accelerator's memory.
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
)


class Unfinished:
    """What the first stage gives for an item that needs the second one: to be subclassed."""


Item = TypeVar("Item")
Half = TypeVar("Half", bound=Unfinished)
Result = TypeVar("Result")


def in_two_stages(
    first: Callable[[Item], Half | Result],
    second: Callable[[Sequence[Half]], Sequence[Result]],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """Results as they come; computed in this process where `workers` is 1.

    Args:
      first: picklable; gives the result of an item, or an `Unfinished`.
      second: picklable; gives the results of 1 to BATCH unfinished items.
      items: taken only as they can be worked on, see HELD.
      workers: processes of the first stage; the second one has one more.

    Raises:
      UserError: a process died.
    """
    if workers < 2:
        for item in items:
            given = first(item)
            yield from second([given]) if isinstance(given, Unfinished) else [given]  # type: ignore[list-item]
        return
    todo = iter(items)
    running: set[Future] = set()
    batches: set[Future] = set()
    waiting: list[Half] = []
    with _pool(workers, {}) as many, _pool(1, _SECOND_STAGE) as one:
        while True:
            held = len(running) + len(waiting) + BATCH * len(batches)
            room = max(0, min(2 * workers - len(running), HELD - held))
            running |= {many.submit(first, item) for item in itertools.islice(todo, room)}
            # What is there goes to an idle process at once, a second batch only when it is full.
            if waiting and len(batches) < (2 if len(waiting) >= BATCH else 1):
                batches.add(one.submit(second, waiting[:BATCH]))
                del waiting[:BATCH]
            if not running and not batches:
                return
            done, _ = concurrent.futures.wait(
                running | batches, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in done & batches:
                yield from future.result()
            for given in [future.result() for future in done & running]:
                if isinstance(given, Unfinished):
                    waiting.append(given)  # type: ignore[arg-type]
                else:
                    yield given
            running -= done
            batches -= done


@contextlib.contextmanager
def _pool(workers: int, environment: Mapping[str, str]) -> Iterator[ProcessPoolExecutor]:
    """Processes that are not waited for where a build ends early."""
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start, (dict(environment), os.getpid())
    )
    try:
        yield pool
    except BrokenProcessPool as error:
        raise UserError(
            "a worker process died, perhaps for want of memory: the same command resumes, "
            f"with --workers=1 in less memory{_advice()}"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _advice() -> str:
    """What may be amiss with a script that started the processes: they import it anew."""
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    if script is None or main.__spec__ is not None:
        return ""
    return f'; {script} has to do its work under `if __name__ == "__main__":`'


def _start(environment: dict[str, str], parent: int) -> None:
    """One thread a process, and no process that outlives a killed build."""
    os.environ.update(environment)
    cv2.setNumThreads(1)
    stopping.follow(parent)
