"""What BigQuery billed: GET …/costs, GET …/costs/today"""

from __future__ import annotations

from flask import Blueprint

from functions.api.contract import call
from functions.api.schemas.costs import Costs, CostsQuery, Spending
from shared import wiring
from shared.operations import documents
from shared.operations.history import costs_of

routes = Blueprint("costs", __name__)


@routes.get("/api/refresh/costs")
@call(Costs, tag="history")
def get_costs(query: CostsQuery) -> Costs:
    """What the jobs of a month billed, by table, by day, and in all."""
    price = wiring.settings().refresh_usd_per_tib
    with wiring.store().transaction(statement_timeout=10.0) as session:
        return Costs.model_validate_json(costs_of(session, f"{query.month}-01", price))


@routes.get("/api/refresh/costs/today")
@call(Spending, tag="history")
def get_spending() -> Spending:
    """What was spent today, and how much of the caps that is."""
    cap = wiring.settings().refresh_max_bytes_billed_per_day
    return Spending.model_validate_json(documents.read(wiring.store(), "read_spending", max_bytes=cap) or "{}")
