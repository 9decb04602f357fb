"""Webhooks: from an event to its deliveries, and every delivery's way until it is done or given up."""
