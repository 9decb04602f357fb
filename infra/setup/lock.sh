#!/usr/bin/env bash
# Compiles the requirements files from pyproject.toml. With --upgrade: to the newest releases that it allows.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

uv=$(infra/setup/uv.sh)

compile() {
    "$uv" pip compile --quiet --python-version 3.13 --generate-hashes --only-binary :all: \
        --no-header --no-annotate --no-emit-index-url "$@"
}

compile "$@" --all-extras pyproject.toml --output-file requirements-dev.txt
# What is deployed is part of what was tested, in the same versions.
compile --constraint requirements-dev.txt pyproject.toml --output-file requirements.txt
# Generators of other clients stay apart: what they ask for must not decide what the project has.
compile "$@" tests/clients/requirements.in --output-file tests/clients/requirements.txt
