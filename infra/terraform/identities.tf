# Each function runs as an account of its own, and each push subscription calls as one of its own. Cloud Scheduler
# publishes as its service agent: a job with a Pub/Sub target takes no other account.

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = "refresh-${each.value.slug}"
  display_name = "Refresh: function ${each.key}"
  depends_on   = [google_project_service.used]
}

resource "google_service_account" "push" {
  for_each = local.push

  account_id   = "push-${each.key}"
  display_name = "Refresh: delivers ${each.key} to ${each.value}"
  depends_on   = [google_project_service.used]
}

resource "google_service_account" "build" {
  account_id   = "refresh-build"
  display_name = "Refresh: builds the functions"
  depends_on   = [google_project_service.used]
}

resource "google_service_account" "migrator" {
  account_id   = "refresh-migrator"
  display_name = "Refresh: owns the database's schema"
  depends_on   = [google_project_service.used]
}

resource "google_service_account" "smoke" {
  account_id   = "refresh-smoke"
  display_name = "Refresh: calls the API after a deployment"
  depends_on   = [google_project_service.used]
}

resource "google_service_account_iam_member" "deployer_is_migrator" {
  for_each = toset(var.deployers)

  service_account_id = google_service_account.migrator.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = each.value
}

resource "google_service_account_iam_member" "deployer_is_smoke" {
  for_each = toset(var.deployers)

  service_account_id = google_service_account.smoke.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = each.value
}

resource "google_service_account_iam_member" "deployer_deploys" {
  for_each = {
    for pair in setproduct(var.deployers, concat([for name in keys(local.functions) : "function/${name}"], ["build"])) :
    "${pair[0]} ${pair[1]}" => { member = pair[0], account = pair[1] }
  }

  service_account_id = each.value.account == "build" ? google_service_account.build.name : google_service_account.function[trimprefix(each.value.account, "function/")].name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value.member
}

# The agent makes the tokens of push deliveries. Projects from before April 2021 do not allow it that by themselves.
resource "google_service_account_iam_member" "pubsub_signs" {
  for_each = local.push

  service_account_id = google_service_account.push[each.key].name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}

# Building: read the staged sources, write images and logs.

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_images" {
  location   = google_artifact_registry_repository.functions.location
  repository = google_artifact_registry_repository.functions.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_sources" {
  bucket = google_storage_bucket.sources.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}
