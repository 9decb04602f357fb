locals {
  datasets = { for one in var.source_datasets : one => { project = regex("^(.*)\\.([^.]+)$", one)[0], dataset = regex("^(.*)\\.([^.]+)$", one)[1] } }

  source_readers = {
    for pair in setproduct(["asin", "search_queries", "generic"], var.source_datasets) : "${pair[0]} ${pair[1]}" => { function = pair[0], dataset = pair[1] }
  }
}

resource "google_bigquery_dataset_iam_member" "source" {
  for_each = local.source_readers

  project    = local.datasets[each.value.dataset].project
  dataset_id = local.datasets[each.value.dataset].dataset
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.function[each.value.function].member
}

# The API looks at schemas, to check and to suggest registrations. It reads rows only where it is to check keys: whether
# they are unique, before a table is registered.
variable "api_checks_keys" {
  description = "Whether the API may read the source datasets, to check that keys are unique when they are configured."
  type        = bool
  default     = false
}

resource "google_bigquery_dataset_iam_member" "api" {
  for_each = local.datasets

  project    = each.value.project
  dataset_id = each.value.dataset
  role       = var.api_checks_keys ? "roles/bigquery.dataViewer" : "roles/bigquery.metadataViewer"
  member     = google_service_account.function["api"].member
}

# The orchestrator asks BigQuery for the time, and the API whether it answers.
resource "google_project_iam_member" "bigquery_jobs" {
  for_each = local.reads_bigquery

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.function[each.key].member
}

resource "google_project_iam_member" "bigquery_sessions" {
  for_each = toset(["asin", "search_queries", "generic"])

  project = var.project_id
  role    = "roles/bigquery.readSessionUser"
  member  = google_service_account.function[each.key].member
}
