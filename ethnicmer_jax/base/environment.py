"""What made a result: code, versions, devices, command and day."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import platform
import shlex
import subprocess
import sys

import ethnicmer_jax

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
      devices: one text per device in use.
    """
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {
        "command": command(),
        "code": code(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "devices": f"{len(devices)} × {devices[0]}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {"ethnicmer_jax": ethnicmer_jax.__version__, **versions},
    }


def command() -> str:
    """The command line of this process; "" where it is no command of ours (a notebook, a test)."""
    started = sys.modules["__main__"]
    module = getattr(getattr(started, "__spec__", None), "name", "")
    file = getattr(started, "__file__", None)
    if module in ("ethnicmer_jax.__main__", "ethnicmer_jax.main"):
        name = module.removesuffix(".__main__")
    elif file and pathlib.Path(file).stem == "ethnicmer":
        name = "ethnicmer_jax"
    else:
        return ""
    # `python -m ethnicmer_jax NAME` puts the name into argv[0], see `__main__`.
    words = [*pathlib.Path(sys.argv[0]).name.split()[1:], *sys.argv[1:]]
    return " ".join(["python", "-m", name, *map(shlex.quote, words)])


def code(root: pathlib.Path | None = None) -> str:
    """Which code this is: the git commit of a checkout, else the installed version.

    Args:
      root: folder of the package; that of this process by default.
    """
    root = root or pathlib.Path(__file__).parents[2]
    if not (root / ".git").exists():
        return f"version {ethnicmer_jax.__version__}"
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return f"version {ethnicmer_jax.__version__}, of a git checkout that cannot be read"
    return f"git commit {commit}" + (", with uncommitted changes" if changed else "")


def _git(root: pathlib.Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


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
        # XLA hands sums to a library, away from the loops that they would be fused with: a step of
        # STSTNet takes longer. (Its sums on several threads were wrong in some versions,
        # too: github.com/google/XNNPACK/pull/11243.)
        "--xla_cpu_experimental_ynn_fusion_type": "-reduce",
    }
    added = [f"{flag}={value}" for flag, value in wanted.items() if flag not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *added]).strip()
