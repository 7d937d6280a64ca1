#!/usr/bin/env bash
# The whole program on one GPU: gpu.sh MANIFEST OUTPUT. Where the machine has no network, wheels
# of the packages that it lacks lie in .whl/ beside the project, and are installed from there.
set -euo pipefail
cd "$(dirname "$0")/.."
if compgen -G '.whl/*.whl' >/dev/null; then
  python3 -m pip install -q --no-index --no-deps --no-compile --upgrade --target .site .whl/*.whl
  export PYTHONPATH="$PWD/.site:$PWD"
fi
python3 -m benchmarks.gpu --raw="$1" --output="${2:-runs/gpu}" "${@:3}"
