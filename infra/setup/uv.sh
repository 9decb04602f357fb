#!/usr/bin/env bash
# Prints where uv is: on PATH, else in a venv of its own, which is made here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly home=$PWD/.data/uv

if command -v uv; then
    exit 0
fi
if ! [ -x "$home/bin/uv" ]; then
    python=$(command -v python3) || { echo "setup: there is no python3 to get uv with" >&2; exit 1; }
    "$python" -m venv --clear "$home" >&2
    "$home/bin/python" -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary :all: --requirement infra/setup/requirements-uv.txt >&2
fi
echo "$home/bin/uv"
