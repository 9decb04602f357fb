"""`python -m tests.docs.settings`: write docs/settings.md anew from what shared/config.py says of each setting."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise

from infra.local.stack import ROOT
from shared.config import Settings

FILE = ROOT / "docs" / "settings.md"

_HEAD = """\
# Settings

What a function reads from its environment, in the local stack as in the cloud. Empty counts as unset; a wrong value
stops the function with its name and what is allowed. This file is written by `python -m tests.docs.settings`, from
`shared/config.py`.

| variable | unset means | meaning |
|---|---|---|
"""


def text() -> str:
    """The document as it has to be."""
    meanings = _meanings()
    rows = [
        f"| `{name.upper()}` | {_default(field.is_required(), field.default)} | {meanings[name]} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _HEAD + "".join(rows)


def _default(required: bool, value: object) -> str:
    if required:
        return "an error"
    if value is None or value == "":
        return ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _meanings() -> dict[str, str]:
    """Field → the text below it."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(Settings)).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                found[name] = " ".join(meaning.split()).replace("|", r"\|")
    return found


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(ROOT)}")
