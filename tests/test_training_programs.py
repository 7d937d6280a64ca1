"""Programs that are compiled at the same time."""

import threading

import jax
import numpy as np
import pytest

from ethnicmer_jax.training import programs
from ethnicmer_jax.training.placement import Grid
from ethnicmer_jax.training.programs import Program


def test_what_was_compiled_beside_is_called_afterwards():
    callers = []

    def function(x):
        callers.append(threading.current_thread())
        return x + 1

    program = Program(function)
    program.compile_beside(lambda: (np.zeros(2),))
    assert program(np.ones(2)).tolist() == [2, 2]
    assert callers[0] is not threading.main_thread()
    assert callers[1] is threading.main_thread()


def test_what_fails_beside_fails_where_it_is_called():
    def function(x):
        raise ValueError("no room")

    program = Program(function)
    program.compile_beside(lambda: (np.zeros(2),))
    with pytest.raises(ValueError, match="no room"):
        program(np.zeros(2))


@pytest.mark.parametrize(("rows", "small"), [(1000, True), (10**8, False)])
def test_large_states_are_not_held_twice(rows, small):
    assert programs.is_small({"a": jax.ShapeDtypeStruct((rows,), np.float32)}) is small


def test_a_call_finds_what_was_compiled_beside(caplog):
    grid = Grid.fitting(2, 1, 4, 4)
    shared = grid.replicate(np.full(1, 2, np.float32))
    start = grid.map(lambda fold, shared: fold + shared[0])
    program = Program(grid.map(lambda state, shared: state * shared[0], donate_first=True))
    state = start(grid.place(np.ones(4, np.float32)), shared)
    # Not by jax.log_compiles, which is of one thread and part of what a call is found by.
    with caplog.at_level("DEBUG", "jax._src.dispatch"):
        program.compile_beside(lambda: (grid.place(np.zeros(4, np.float32)), shared))
        found = program(state, shared)
    compiled = [r for r in caplog.records if "Finished XLA compilation" in r.getMessage()]
    assert compiled
    assert threading.get_ident() not in {record.thread for record in compiled}
    assert grid.collect(found).tolist() == [6, 6, 6, 6]
