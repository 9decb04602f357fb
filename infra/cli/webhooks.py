"""`webhooks`: who is told what, and what became of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from infra.cli.documents import Document, segment
from infra.cli.output import Output, moment, state
from infra.cli.session import Json, Session, Yes, confirm, opened

app = typer.Typer(no_args_is_help=True, help="Who is told what, and what became of it.")

Endpoint = Annotated[str, typer.Argument(metavar="ENDPOINT", help="An endpoint's id.")]
Events = Annotated[
    list[str] | None, typer.Option("--event", metavar="EVENT", help="A type of event to send; may be repeated.")
]
Patterns = Annotated[
    list[str] | None,
    typer.Option("--table", metavar="PATTERN", help="Tables to tell of, as sqp.* or schema.name; may be repeated."),
]


@app.command("list")
def endpoints(context: typer.Context, json: Json = False) -> None:
    """All endpoints."""
    session = opened(context, json)
    document = session.api.read("/webhooks")
    if session.out.as_json:
        session.out.json(document)
        return
    if not document["items"]:
        session.out.line("There is nothing to show.")
    for number, one in enumerate(document["items"]):
        if number:
            session.out.line("")
        _show(session.out, one)


@app.command("show")
def endpoint(context: typer.Context, endpoint: Endpoint, json: Json = False) -> None:
    """One endpoint."""
    session = opened(context, json)
    _answer(session, session.api.read(path(endpoint)))


@app.command("add")
def add(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="https://… at a public address.")],
    kind: Annotated[
        Literal["standard", "slack"], typer.Option(help="standard: the event, signed. slack: a message for Slack.")
    ] = "standard",
    description: Annotated[str, typer.Option(metavar="TEXT", help="For people.")] = "",
    events: Events = None,
    tables: Patterns = None,
    json: Json = False,
) -> None:
    """Have events sent somewhere.

    The signing secret is shown this once.
    """
    session = opened(context, json)
    body: Document = {"url": url, "kind": kind, "description": description, "tables": tables or []}
    if events:
        body["events"] = events
    made = session.api.send("POST", "/webhooks", body).document
    _answer(session, made)


@app.command("set")
def change(
    context: typer.Context,
    endpoint: Endpoint,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Another address.")] = None,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="Another description.")] = None,
    events: Events = None,
    tables: Patterns = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether anything is sent.")] = None,
    json: Json = False,
) -> None:
    """Change an endpoint, enable it, or disable it."""
    session = opened(context, json)
    wanted = {
        "url": url,
        "description": description,
        "events": events,
        "tables": tables,
        "state": None if enabled is None else "enabled" if enabled else "disabled",
    }
    before = session.api.get(path(endpoint))
    changes = {name: value for name, value in wanted.items() if value is not None}
    _answer(
        session, session.api.send("PUT", path(endpoint), changes, headers={"If-Match": before.etag or "*"}).document
    )


@app.command("remove")
def remove(context: typer.Context, endpoint: Endpoint, yes: Yes = False, json: Json = False) -> None:
    """Remove an endpoint and what was sent to it."""
    session = opened(context, json)
    before = session.api.get(path(endpoint))
    confirm(session, f"Remove {before.document['url']} with all that was sent to it?", yes=yes)
    gone = session.api.send("DELETE", path(endpoint), headers={"If-Match": before.etag or "*"}).document
    say(session, gone, f"{gone['url']} is removed.")


@app.command("test")
def send_test(context: typer.Context, endpoint: Endpoint, json: Json = False) -> None:
    """Send a test event."""
    session = opened(context, json)
    owed = session.api.send("POST", f"{path(endpoint)}/test").document
    say(session, owed, f"A test event is on its way; see refreshctl webhooks deliveries {endpoint}")


@app.command("rotate")
def rotate(
    context: typer.Context,
    endpoint: Endpoint,
    overlap: Annotated[float, typer.Option(help="Hours for which the secret of now signs along.")] = 24.0,
    json: Json = False,
) -> None:
    """Make a new signing secret.

    It is shown this once. The one before signs along for a while.
    """
    session = opened(context, json)
    made = session.api.send("POST", f"{path(endpoint)}/rotate-secret", {"overlap_hours": overlap}).document
    if session.out.as_json:
        session.out.json(made)
    else:
        until = made["previous_secret_until"]
        session.out.lines((("secret", made["secret"]), ("the former one signs until", until and moment(until))))


def path(endpoint: str) -> str:
    """Of an endpoint."""
    return f"/webhooks/{segment(endpoint)}"


def _answer(session: Session, document: Document) -> None:
    if session.out.as_json:
        session.out.json(document)
    else:
        _show(session.out, document)


def say(session: Session, document: Document, text: str) -> None:
    """What was done; for scripts the document."""
    if session.out.as_json:
        session.out.json(document)
    else:
        session.out.line(text)


def _show(out: Output, one: dict[str, Any]) -> None:
    out.lines(
        (
            ("endpoint", one["endpoint_id"]),
            ("url", one["url"]),
            ("kind", one["kind"]),
            ("state", state(one["state"])),
            ("why", one["disabled_reason"]),
            ("description", one["description"] or None),
            ("events", ", ".join(one["events"]) or "all"),
            ("tables", ", ".join(one["tables"]) or "all"),
            ("failing since", one["failing_since"] and moment(one["failing_since"])),
            ("secret", one.get("secret")),
        )
    )
