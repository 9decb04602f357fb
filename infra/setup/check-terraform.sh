#!/usr/bin/env bash
# Checks infra/terraform: its format, that it is valid, and that every environment can be planned. Touches no cloud:
# the plan is made on a copy without the remote state. Uses the offline stand-in for the google provider where it lies
# next to the project, else the real provider.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly stand_in=../shared/tools/terraform-check/setup

if ! command -v terraform >/dev/null; then
    echo "terraform: SKIPPED: terraform is not installed"
    exit 0
fi
terraform -chdir=infra/terraform fmt -check -recursive

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r infra/terraform/*.tf infra/terraform/environments "$copy"
printf 'terraform {\n  backend "local" {}\n}\n' >"$copy/backend_override.tf"

if [ -x $stand_in ]; then
    eval "$($stand_in 2>/dev/null)"
    # A copy: setting the stand-in up elsewhere meanwhile would change the provider under our feet.
    mirror=$(sed -n 's/.*path = "\(.*\)"/\1/p' "$TF_CLI_CONFIG_FILE")
    cp -r "$mirror" "$copy/mirror"
    sed "s|$mirror|$copy/mirror|" "$TF_CLI_CONFIG_FILE" >"$copy/terraformrc"
    export TF_CLI_CONFIG_FILE=$copy/terraformrc
fi

if command -v checkov >/dev/null; then
    checkov --config-file infra/terraform/.checkov.yaml
else
    echo "terraform: SKIPPED checkov: it is not installed (pipx install checkov)"
fi

run() { terraform -chdir="$copy" "$@"; }

if ! run init -input=false -no-color >"$copy/init.txt" 2>&1; then
    cat "$copy/init.txt"
    [ ! -x $stand_in ] || exit 1
    echo "terraform: format checked; SKIPPED validate and plan: the provider could not be had, see above"
    exit 0
fi
run validate -no-color
printf '{"release": {"id": "check", "sources": {%s}}}' \
    "$(for name in orchestrator asin search_queries summaries generic notifier api; do
        printf '"%s": "%s.zip",' "$name" "$name"
    done | sed 's/,$//')" >"$copy/release.tfvars.json"
for environment in staging production; do
    if [ -x $stand_in ]; then
        run plan -input=false -lock=false -no-color -var-file="environments/$environment.tfvars" \
            -var-file=release.tfvars.json >"$copy/plan.txt" || { cat "$copy/plan.txt"; exit 1; }
        grep '^Plan:' "$copy/plan.txt" | sed "s/^/$environment: /"
    else
        echo "$environment: SKIPPED plan: with the real provider it needs a project and a login"
    fi
done
