#!/usr/bin/env bash
# Makes .venv with exactly what requirements-dev.txt names. Does nothing where that has been done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly venv=.venv
readonly stamp=$venv/installed
readonly works='import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 13))'

say() { printf 'setup: %s\n' "$*" >&2; }

# What the stamp must say: these requirements, installed by this interpreter.
wanted() {
    cksum requirements.txt requirements-dev.txt pyproject.toml
    cat $venv/pyvenv.cfg
}

suitable() { [ -x "$1" ] && "$1" -c "$works" >/dev/null 2>&1; }

# A name on PATH may be a shim that answers nothing, with one that works behind it.
on_path() {
    local name candidate
    for name in python3.13 python3.14 python3 python; do
        while read -r candidate; do
            if suitable "$candidate"; then
                echo "$candidate"
                return
            fi
        done < <(type -a -p "$name" || true)
    done
    return 1
}

of_pyenv() {
    local candidate
    for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[3-9]*/bin/python; do
        if suitable "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

fetched_by_uv() {
    local uv fetched
    uv=$(infra/setup/uv.sh) || return 1
    say "no Python 3.13 or newer here; fetching one with uv"
    export UV_PYTHON_INSTALL_DIR=$PWD/.data/python
    "$uv" python install --no-bin 3.13 >&2 || return 1
    fetched=$("$uv" python find --managed-python 3.13) || return 1
    suitable "$fetched" && echo "$fetched"
}

if [ -x $venv/bin/python ] && [ -f $stamp ] && [ "$(wanted)" = "$(cat $stamp)" ]; then
    exit 0
fi

if ! { [ -f $venv/pyvenv.cfg ] && suitable $venv/bin/python; }; then
    if ! python=$(on_path || of_pyenv || fetched_by_uv); then
        say "no Python 3.13 or newer (with venv and ensurepip) was found on PATH or among pyenv's versions,"
        say "and none could be fetched. Install one, for example by 'pyenv install 3.13', and try again."
        exit 1
    fi
    say "making $venv with $python"
    "$python" -m venv --clear $venv
fi

rm -f $stamp
say "installing requirements-dev.txt"
$venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --requirement requirements-dev.txt
$venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
$venv/bin/python -m infra.local.duckdb_home
wanted >$stamp
say "done"
