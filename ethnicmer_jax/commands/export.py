"""Writes trained networks as one file for other programs: StableHLO, or weights for PyTorch.

The end of the file's name says which: `.zip` for a program that `jax.export.deserialize` loads
without this package, `.safetensors` for a branch's weights under their PyTorch names.
"""

from __future__ import annotations

import pathlib

from absl import flags

from ethnicmer_jax.base import cli, environment, writable
from ethnicmer_jax.base.schema import UserError

_WORKDIR = flags.DEFINE_string("workdir", None, "A finished work directory.")
_OUTPUT = flags.DEFINE_string("output", None, "The file: NAME.zip or NAME.safetensors.")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "Replace the file where it is there.")
_FORMAT = flags.DEFINE_enum(
    "format", None, ["stablehlo", "safetensors"], "By default, what --output ends in."
)
_MEMBER = flags.DEFINE_string(
    "member",
    "",
    "One network, RUN/FOLD; by default the mean of the final models of all seeds, and of "
    "safetensors the final model of the first seed.",
)
_BRANCH = flags.DEFINE_enum(
    "branch", "emotion", ["emotion", "ethnic"], "Whose weights safetensors hold."
)
_PLATFORMS = flags.DEFINE_list(
    "platforms", ["cpu", "cuda", "tpu"], "What the StableHLO is lowered for: also rocm."
)


def main() -> None:
    """Exports what the flags name."""
    directory = cli.directory_of(_WORKDIR)
    if not _OUTPUT.value:
        raise UserError("--output is needed, see --help")
    output = pathlib.Path(_OUTPUT.value)
    writable.check(output, _OVERWRITE.value)
    environment.prefer_core_devices()
    # JAX takes seconds to import; who asks for help is spared it.
    from ethnicmer_jax.export import request, run

    asked = request.Request(
        directory=directory,
        output=output,
        format=_FORMAT.value or request.format_of(output),
        member=_MEMBER.value,
        branch=_BRANCH.value,
        platforms=tuple(_PLATFORMS.value),
        overwrite=_OVERWRITE.value,
    )
    print(run.run(asked))  # noqa: T201 - what was written, for whoever asked
