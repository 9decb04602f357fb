"""What BigQuery billed: GET …/costs, GET …/costs/today"""

from __future__ import annotations

from flask import Blueprint

from functions.api.contract import call
from functions.api.schemas.costs import Costs, CostsQuery, Spending
from shared import wiring
from shared.operations import documents

routes = Blueprint("costs", __name__)


@routes.get("/api/refresh/costs")
@call(Costs, tag="history")
def get_costs(query: CostsQuery) -> Costs:
    """What the jobs of a month billed, by table, by day, and in all."""
    price = wiring.settings().refresh_usd_per_tib
    text = documents.read(wiring.store(), "read_costs", month=f"{query.month}-01", usd_per_tib=price)
    return Costs.model_validate_json(text or "{}")


@routes.get("/api/refresh/costs/today")
@call(Spending, tag="history")
def get_spending() -> Spending:
    """What was spent today, and how much of the caps that is."""
    cap = wiring.settings().refresh_max_bytes_billed_per_day
    return Spending.model_validate_json(documents.read(wiring.store(), "read_spending", max_bytes=cap) or "{}")
