"""How every command of the project starts and fails.

A `UserError` is something the user can mend: it becomes one line on standard
error and exit code 2. Anything else is a fault of ours and keeps its traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from absl import app, flags

from ethnicmer_jax.schema import UserError


def run(main: Callable[[Sequence[str]], None]) -> None:
    """Runs `main(argv)` under absl; exits 0 on success, 2 on a user error."""

    def guarded(argv: Sequence[str]) -> int:
        try:
            main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the one place that may
            return 2
        except KeyboardInterrupt:
            print("interrupted; the same command resumes", file=sys.stderr)  # noqa: T201
            return 130
        return 0

    app.run(guarded, flags_parser=_parse)


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses flags; a wrong one is a user error like any other."""
    try:
        return app.parse_flags_with_usage(list(argv))
    except flags.Error as error:  # pragma: no cover - absl exits itself for most of these
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
