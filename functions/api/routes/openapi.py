"""GET /api/refresh/openapi.json"""

from __future__ import annotations

from flask import Blueprint, Response, json

from functions.api.contract import document

routes = Blueprint("openapi", __name__)


@routes.get("/api/refresh/openapi.json")
def openapi() -> Response:
    """The contract of this API."""
    return Response(json.dumps(document()), mimetype="application/json")
