#!/usr/bin/env bash
# A Chromium or Chrome for the tests of the web page. Without one they are skipped, and say so; on CI it is installed.
set -euo pipefail

readonly names=(chromium chromium-browser google-chrome google-chrome-stable chrome)

say() { printf 'browser: %s\n' "$*" >&2; }

if [ -n "${REFRESH_TEST_BROWSER:-}" ]; then
    exit 0
fi
for name in "${names[@]}"; do
    if command -v "$name" >/dev/null; then
        exit 0
    fi
done
if [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Chromium"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
    exit 0
fi
say "no Chromium or Chrome is installed: the tests of the web page will be skipped."
say "Install one (Debian: apt-get install chromium), or name its program in REFRESH_TEST_BROWSER."
