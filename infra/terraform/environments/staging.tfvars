# Staging: small, kept cheap. Put in your own project, addresses and datasets.
project_id      = "example-refresh-staging"
environment     = "staging"
region          = "europe-west1"
deployers       = ["user:deployer@example.com"]
api_operators   = ["operator@example.com"]
api_invokers    = ["user:operator@example.com"]
alert_emails    = ["data-team@example.com"]
source_datasets = ["example-warehouse.sqp"]
schedule        = "0 6 * * *"
time_zone       = "Europe/Berlin"

database = {
  tier                = "db-custom-1-3840"
  deletion_protection = false
}

daily_scan_alert_gib = 50
