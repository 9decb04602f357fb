# Production: a standby in another zone, more lanes, a longer past to replay. Put in your own project, addresses and datasets.
project_id      = "example-refresh-production"
environment     = "production"
region          = "europe-west1"
deployers       = ["serviceAccount:deployer@example-refresh-ci.iam.gserviceaccount.com"]
api_operators   = ["operator@example.com"]
api_viewers     = ["analyst@example.com"]
api_invokers    = ["group:data-team@example.com"]
alert_emails    = ["data-team@example.com", "on-call@example.com"]
source_datasets = ["example-warehouse.sqp"]
schedule        = "0 6 * * *"
time_zone       = "Europe/Berlin"

message_retention_days = 31

database = {
  tier                 = "db-custom-4-15360"
  availability         = "REGIONAL"
  disk_gb              = 100
  disk_limit_gb        = 1000
  max_connections      = 200
  reserved_connections = 80
  backups              = 30
}

functions = {
  asin           = { max_instances = 8 }
  search_queries = { max_instances = 8, memory = "4Gi", cpu = "2" }
  generic        = { max_instances = 16 }
  api            = { max_instances = 3, min_instances = 1 }
}

budget = {
  billing_account = "0123AB-4567CD-89EF01"
  amount          = 900
}
