"""How every command of the project starts and fails.

A `UserError` is something the user can mend: it becomes one line on standard
error and exit code 2. Anything else is a fault of ours and keeps its traceback.
SIGTERM ends every command in good order, see `stopping`.
"""

from __future__ import annotations

import functools
import gc
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from absl import app, flags, logging

from ethnicmer_jax.base import places, stopping
from ethnicmer_jax.base.schema import UserError


def run(main: Callable[..., int | None], module: str = "__main__", arguments: str = "") -> None:
    """Runs a command under absl; exits 0 on success or --help, 2 on a user error, 143 on SIGTERM.

    Args:
      main: the command, which reads its own flags. It may return an exit code of its own.
      module: name of the module that defines it and its flags.
      arguments: what stands on the command line beside flags, as in "INPUT..."; `main` is then
        called with the list of them, at least one. "" for a command that takes flags only.
    """

    def guarded(argv: Sequence[str]) -> int:
        given = list(argv[1:])
        try:
            if given and not arguments:
                raise UserError(f"what is {given[0]!r}? Options begin with --, see --help")
            if arguments and not given:
                raise UserError(f"name {arguments} behind the command, see --help")
            with stopping.leaving():
                return (main(given) if arguments else main()) or 0
        except UserError as error:
            return refuse(str(error), error.exit_code)
        except Exception as error:
            # Of a place that cannot be read or written; anything else is a fault of ours.
            if (said := places.line(error)) is None:
                raise
            return refuse(said)
        except KeyboardInterrupt:
            print("interrupted; the same command resumes", file=sys.stderr)  # noqa: T201
            return 130

    stopping.listen()
    # What imports and JAX's tracing make stays, hundreds of thousands of objects: looking for
    # garbage among them after every 700 would be a sixth of a start.
    gc.set_threshold(20_000)
    parser = functools.partial(_parsed, module=module, arguments=arguments)
    app.run(guarded, flags_parser=parser)


def config_of(flag: flags.FlagHolder) -> Any:
    """The config that a `--config` flag names.

    Args:
      flag: from `config_flags.DEFINE_config_file`.

    Raises:
      UserError: the flag was not given, or names no config.
    """
    reason = ""
    try:
        # The file is read when a field is asked for.
        if flag.value is not None and isinstance(flag.value.name, str):
            return flag.value
    except OSError:
        pass
    except Exception as error:  # A config is a program: anything may happen in it.
        reason = f"{type(error).__name__}: {error}"
    if not reason:
        raise UserError("--config must name a config file that is there, as configs/stereo.py")
    raise UserError(f"--config names no config such as configs/stereo.py ({reason})")


def directory_of(flag: flags.FlagHolder) -> pathlib.Path:
    """The directory that a flag such as `--workdir` names; it need not exist.

    Raises:
      UserError: the flag was not given, or names a file or something below a file.
    """
    if not flag.value:
        raise UserError(f"--{flag.name} is needed, see --help")
    return directory(flag.name, flag.value)


def directory(name: str, value: str) -> pathlib.Path:
    """The directory `value` of the flag `name`; it need not exist.

    Raises:
      UserError: it is a file, or lies below one.
    """
    path = pathlib.Path(value)
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"--{name}={path}: {there} is a file; name a directory")
    return path


def refuse(message: str, code: int = 2) -> int:
    """Prints one line and returns the exit code of a user error."""
    line = " ".join(message.split())
    print(f"error: {line}", file=sys.stderr)  # noqa: T201 - the one place that may
    return code


def _parsed(argv: Sequence[str], module: str, arguments: str = "") -> list[str]:
    """Parses flags; a wrong one is a user error like any other."""
    argv = list(argv)
    asked = [argument for argument in argv[1:] if argument in ("--help", "-help", "-h")]
    argv = [argument for argument in argv if argument not in asked]
    if asked and not any(argument.startswith("--config") for argument in argv):
        print(_help(module, arguments))  # noqa: T201
        sys.exit(0)
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        # A config file's own exception arrives as the traceback's text: its last line says why.
        reason = str(error).strip().splitlines()[-1] if "Traceback" in str(error) else str(error)
        sys.exit(refuse(f"{reason}; see --help"))
    except (AttributeError, KeyError, TypeError) as error:
        # How ml_collections reports a --config.field that does not exist.
        said: object = error
        while isinstance(said, BaseException) and len(said.args) == 1:
            said = said.args[0]  # an error in an error quotes its text once more
        sys.exit(refuse(f"the config has no such field or value: {said}; see configs/common.py"))
    except Exception as error:  # A config is a program: anything may happen in it.
        reason = (str(error).strip().splitlines() or [""])[-1].strip()
        sys.exit(refuse(f"--config cannot be read ({type(error).__name__}: {reason})"))
    if asked:
        print(_help(module, arguments), _settings(), sep="\n\n")  # noqa: T201
        sys.exit(0)
    for name in _given_twice():
        sys.exit(refuse(f"--{name} is given more than once: separate its values by commas"))
    if not flags.FLAGS["verbosity"].present:
        # Orbax tells of every file it writes; its warnings are still shown.
        logging.set_verbosity(logging.WARNING)
    return rest


def _given_twice() -> list[str]:
    """The flags that take a list and were given several times: all but the last were lost."""
    return [
        name
        for name in flags.FLAGS
        if flags.FLAGS[name].present > 1 and isinstance(flags.FLAGS[name].parser, flags.ListParser)
    ]


def _help(module: str, arguments: str) -> str:
    """The module's own words, what it is called with, and its flags."""
    words = (sys.modules[module].__doc__ or "").strip()
    own = sys.argv[0] if module == "__main__" else module
    called = f"usage: {pathlib.Path(sys.argv[0]).name} [--FLAG=VALUE ...] {arguments}"
    usage = [called] if arguments else []
    return "\n\n".join([words, *usage, flags.FLAGS.module_help(own).strip()])


def _settings() -> str:
    """The settings of the config that the command line names, with its changes."""
    from ethnicmer_jax.base import settings_help

    try:
        config: Any = flags.FLAGS["config"].value
        values = config.to_dict()
    except (AttributeError, KeyError, OSError) as error:
        sys.exit(refuse(f"--config names no config ({error})"))
    values.pop("sweep", None)
    return settings_help.listing(values)
