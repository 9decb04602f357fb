"""GET /api/refresh/openapi.json"""

from __future__ import annotations

from json import dumps

from flask import Blueprint, Response

from functions.api.contract import call
from functions.api.document import document
from functions.api.schemas.document import Document

routes = Blueprint("contract", __name__)


@routes.get("/api/refresh/openapi.json")
@call(Document, tag="contract")
def get_openapi() -> Response:
    """The contract of this API, as OpenAPI 3.1."""
    return Response(dumps(document(), ensure_ascii=False), mimetype="application/json")
