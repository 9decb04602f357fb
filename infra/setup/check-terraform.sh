#!/usr/bin/env bash
# Checks the format and the validity of infra/terraform, where there is one and Terraform is installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! [ -d infra/terraform ]; then
    echo "terraform: nothing to check"
elif ! command -v terraform >/dev/null; then
    echo "terraform: SKIPPED: terraform is not installed"
else
    terraform -chdir=infra/terraform fmt -check -recursive
    terraform -chdir=infra/terraform init -backend=false -input=false >/dev/null
    terraform -chdir=infra/terraform validate
fi
