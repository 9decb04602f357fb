"""Answers that have no fields of their own: the contract itself, and figures for a machine."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, RootModel


class Document(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")


class PrometheusText(RootModel[str]):
    """Metrics in Prometheus's text format."""
