"""What made a result: versions, devices, command and day."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shlex
import sys

PACKAGES = (
    "jax",
    "flax",
    "optax",
    "orbax-checkpoint",
    "tensorflow-datasets",
    "numpy",
    "scikit-learn",
)


def describe(devices: list[str]) -> dict[str, object]:
    """The environment as it goes into metrics.json.

    Args:
      devices: one text a device in use.
    """
    names = ("ethnicmer_jax", *PACKAGES)
    return {
        "command": command(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "devices": f"{len(devices)} × {devices[0]}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in names},
    }


def command() -> str:
    """The command line of this process; `main` where it is no command of ours."""
    module = getattr(sys.modules["__main__"].__spec__, "name", "")
    # A package is run as its __main__, but called by its own name.
    module = module.removesuffix(".__main__")
    ours = module if module.startswith("ethnicmer_jax.") else "ethnicmer_jax.main"
    return " ".join(["python", "-m", ours, *map(shlex.quote, sys.argv[1:])])


def prefer_core_devices() -> None:
    """Makes every CPU core a device, so that `pmap` spreads folds over them.

    Has to run before JAX starts. Flags that the user has set win; neither matters
    where an accelerator is found.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    wanted = {
        "--xla_force_host_platform_device_count": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        # A fold keeps one core busy by itself; threads below it would only compete.
        "--xla_cpu_multi_thread_eigen": "false",
    }
    added = [f"{flag}={value}" for flag, value in wanted.items() if flag not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *added]).strip()
