#!/usr/bin/env bash
# The generators and libraries of other clients, for the tests that drive the API as others do; apart from .venv, since
# nothing of the project needs them. Without node or npm those tests are skipped, and say so; on CI it is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly source=tests/clients home=.data/clients

say() { printf 'clients: %s\n' "$*" >&2; }

wanted() {
    cksum $source/package-lock.json $source/requirements.txt
    command -v npm || echo "without npm"
}

if [ -f $home/installed ] && [ "$(wanted)" = "$(cat $home/installed)" ]; then
    exit 0
fi
if [ "${CI:-}" = true ] && ! command -v npm >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing node and npm"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
rm -rf $home
mkdir -p $home
say "installing $source/requirements.txt"
.venv/bin/python -m venv $home/venv
$home/venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary :all: --requirement $source/requirements.txt
if command -v npm >/dev/null; then
    say "installing $source/package-lock.json"
    cp $source/package.json $source/package-lock.json $home
    npm ci --prefix $home --ignore-scripts --no-audit --no-fund --silent
else
    say "node and npm are not installed: the tests of clients in other languages will be skipped."
fi
wanted >$home/installed
say "done"
