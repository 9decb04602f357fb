#!/usr/bin/env bash
# Checks every shell script of the project: that bash can parse it, and shellcheck where it is found.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

PATH=$PWD/.venv/bin:$PATH
scripts=()
while IFS= read -r file; do
    scripts+=("$file")
done < <(grep -rlE --exclude-dir={.git,.venv,.data} '^#!/(usr/bin/env bash|bin/(ba)?sh)$' .)

for script in "${scripts[@]}"; do
    bash -n "$script"
done
if command -v shellcheck >/dev/null; then
    shellcheck "${scripts[@]}"
    echo "shell: ${#scripts[@]} scripts checked"
else
    echo "shell: ${#scripts[@]} scripts parsed; SKIPPED shellcheck: it is not installed"
fi
