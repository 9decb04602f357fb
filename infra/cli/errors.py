"""What can go wrong, and the exit code that says so to scripts."""

from __future__ import annotations

from enum import IntEnum
from http import HTTPStatus
from typing import Any

from infra.cli.operations import in_commands


class Exit(IntEnum):
    """The command's exit codes."""

    OK = 0
    NOT_WELL = 1
    """What was looked at is degraded, failed, or not equal."""
    USAGE = 2
    """The command line, a file or a value is wrong, and nothing was done."""
    UNREACHABLE = 3
    """The API cannot be reached, or has a fault."""
    REFUSED = 4
    """The API refused: no or too small a role, a conflict, or too soon."""
    NOT_FOUND = 5
    """There is no such table, run, endpoint or the like."""
    CHANGED = 6
    """Somebody else has changed it since it was read."""
    INTERRUPTED = 130


class CommandError(Exception):
    """The command ends with `code`; the message is for people, `problem` for scripts."""

    def __init__(self, code: Exit, message: str, *, problem: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.problem = problem or {
            "type": f"urn:refresh:command:{code.name.lower()}",
            "title": code.name.lower().replace("_", " "),
            "detail": message,
        }


def usage(message: str) -> CommandError:
    """Something that the caller gave is wrong."""
    return CommandError(Exit.USAGE, message)


def unreachable(message: str) -> CommandError:
    """The API does not answer as an API."""
    return CommandError(Exit.UNREACHABLE, message)


_CODES = {
    HTTPStatus.BAD_REQUEST: Exit.USAGE,
    HTTPStatus.NOT_FOUND: Exit.NOT_FOUND,
    HTTPStatus.PRECONDITION_FAILED: Exit.CHANGED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Exit.USAGE,
    HTTPStatus.UNPROCESSABLE_ENTITY: Exit.USAGE,
}


def refused(problem: dict[str, Any]) -> CommandError:
    """The error that a problem document (RFC 9457) of the API stands for."""
    status = problem["status"]
    code = Exit.UNREACHABLE if status >= 500 else _CODES.get(status, Exit.REFUSED)
    return CommandError(code, in_commands(problem.get("detail") or problem["title"]), problem=problem)
