"""`python -m MODULE ...` within a process that was forked for it."""

import atexit
import runpy
import sys
import threading
import traceback
from collections.abc import Sequence


def run(words: Sequence[str]) -> int:
    """Runs a module with its arguments; its exit code, once all is written.

    As an interpreter ends: a child of multiprocessing would first wait for the workers of
    joblib, which only what is registered here dismisses.
    """
    sys.argv = list(words)
    code = 0
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code
