"""The HTTP API: status, trigger, runs, history, metrics, configuration, dead letters, audit."""

from __future__ import annotations

import gc
from functools import cache
from typing import TYPE_CHECKING

import functions_framework

if TYPE_CHECKING:
    from flask import Flask, Request, Response


@cache
def application() -> Flask:
    """The application behind the entry point, made when the first request comes."""
    gc.disable()  # what is loaded stays: there is nothing to collect
    try:
        from functions.api.app import create_app

        made = create_app()
    finally:
        gc.enable()
    gc.freeze()  # the collector need not look through all that was loaded: that took 100 ms of some request
    return made


def api(request: Request) -> Response:
    """Entry point: any request."""
    from functions.api.app import answer

    return answer(application(), request.environ)


def unrouted(error: Exception) -> Response:
    """What the framework itself has no route for, such as a line break in a path, is a request as any other."""
    from flask import request

    return api(request)


functions_framework.errorhandler(404)(unrouted)
