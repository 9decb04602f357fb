#!/usr/bin/env bash
# Deploys an environment, or takes it back; ./deploy.sh --help says how.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
usage: ./deploy.sh ENV [--plan] [--only infra|migrate|functions] [--yes]
       ./deploy.sh ENV --rollback [--yes]
       ./deploy.sh ENV --doctor
       ./deploy.sh --help

Deploys the environment ENV, whose settings are infra/terraform/environments/ENV.tfvars.

  --plan       say what would be done, and change nothing
  --only PART  infra: everything but the functions; migrate: the database's schema; functions: the code
  --rollback   serve the release before this one again, or, after a deployment that was cut off, the one before that
  --doctor     check tools, login, project and settings, and say how to mend what is wrong
  --yes        do not ask before changing something

Running it twice changes nothing the second time. When a deployment fails, the release before it goes on serving.
It may be interrupted at any time and run again. Exit codes: 0 done, 1 failed, 2 wrong call, 130 interrupted.
TEXT
}

wrong() {
    printf 'deploy.sh: %s\n' "$1" >&2
    printf 'Run ./deploy.sh --help for what it takes.\n' >&2
    exit 2
}

environment=
only=
flags=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            usage
            exit 0
            ;;
        --plan | --yes | --rollback | --doctor) flags+=("$1") ;;
        --only)
            [ $# -ge 2 ] || wrong "--only needs infra, migrate or functions"
            only=$2
            shift
            ;;
        --only=*) only=${1#--only=} ;;
        -*) wrong "$1 is not known" ;;
        *)
            [ -z "$environment" ] || wrong "one environment at a time: $environment or $1"
            environment=$1
            ;;
    esac
    shift
done

if [ -z "$environment" ]; then
    known=
    for file in infra/terraform/environments/*.tfvars; do
        name=${file##*/}
        known="$known ${name%.tfvars}"
    done
    wrong "which environment? There are:$known"
fi
case $only in
    '' ) ;;
    infra | migrate | functions) flags+=("--only" "$only") ;;
    *) wrong "--only takes infra, migrate or functions, not '$only'" ;;
esac

# REFRESH_PYTHON: an interpreter that has requirements.txt installed, instead of .venv.
python=${REFRESH_PYTHON:-.venv/bin/python}
if [ -z "${REFRESH_PYTHON:-}" ]; then
    infra/setup/setup.sh
fi
exec "$python" -m infra.deploy "$environment" "${flags[@]+"${flags[@]}"}"
