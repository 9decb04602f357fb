"""A stand-in for terraform: what is wanted is the configuration's text with its variables; what is there is what was
applied last. Its folder is STANDIN_STATE: `terraform.json`, `terraform.calls`, and orders for the next applies in
`terraform.orders`: a line each, `ok`, `fail` (half of the functions change first), or `hang` (until it is interrupted).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

STATE = Path(os.environ["STANDIN_STATE"])
APPLIED = STATE / "terraform.json"
ORDERS = STATE / "terraform.orders"


def main(arguments: list[str]) -> int:
    with (STATE / "terraform.calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    folder = next((Path(one.removeprefix("-chdir=")) for one in arguments if one.startswith("-chdir=")), Path())
    match [one for one in arguments if not one.startswith("-")]:
        case ["version"]:
            print(json.dumps({"terraform_version": "1.11.4"}))
        case ["init"]:
            return 0
        case ["plan"]:
            return _plan(folder, arguments)
        case ["apply", plan]:
            return _apply(json.loads((folder / plan).read_text()))
        case ["output"]:
            print(json.dumps({name: {"value": value} for name, value in _applied().get("outputs", {}).items()}))
        case _:
            return 1
    return 0


def _plan(folder: Path, arguments: list[str]) -> int:
    files = [folder / one.removeprefix("-var-file=") for one in arguments if one.startswith("-var-file=")]
    text = b"".join(path.read_bytes() for path in [*sorted(folder.glob("*.tf")), files[0]])
    release = json.loads(files[1].read_text())["release"]
    wanted = {"digest": hashlib.sha256(text).hexdigest(), "sources": release["sources"]}
    (folder / "deploy.plan").write_text(json.dumps(wanted))
    there = {name: _applied().get(name) for name in wanted}
    print("No changes." if there == wanted else f"Plan: to release {release['id']}.", flush=True)
    return 0 if there == wanted else 2


def _apply(wanted: dict[str, Any]) -> int:
    before = _applied()
    order = _next_order()
    if order != "ok":
        half = dict(list(wanted["sources"].items())[:3])
        _write(before | {"sources": before.get("sources", {}) | half})
    if order == "hang":
        signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
        (STATE / "hangs").touch()
        time.sleep(60)
    if order == "fail":
        print("Error: made to fail", file=sys.stderr)
        return 1
    _write(wanted | {"outputs": json.loads((STATE / "outputs.json").read_text())})
    return 0


def _next_order() -> str:
    orders = ORDERS.read_text().split() if ORDERS.exists() else []
    ORDERS.write_text("\n".join(orders[1:]))
    return orders[0] if orders else "ok"


def _applied() -> dict[str, Any]:
    applied: dict[str, Any] = json.loads(APPLIED.read_text()) if APPLIED.exists() else {}
    return applied


def _write(state: dict[str, Any]) -> None:
    APPLIED.write_text(json.dumps(state))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
