"""What BigQuery billed: GET …/costs"""

from __future__ import annotations

from flask import Blueprint

from functions.api.contract import call
from functions.api.schemas.costs import Costs, CostsQuery
from shared import wiring
from shared.operations import documents

routes = Blueprint("costs", __name__)


@routes.get("/api/refresh/costs")
@call(Costs, tag="metrics")
def costs(query: CostsQuery) -> Costs:
    """What the jobs of a month billed, by table and in all."""
    price = wiring.settings().refresh_usd_per_tib
    text = documents.read(wiring.store(), "read_costs", month=f"{query.month}-01", usd_per_tib=price)
    return Costs.model_validate_json(text or "{}")
