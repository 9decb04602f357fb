locals {
  # Environment variables that come from Secret Manager, and the functions that may read each.
  secret_environment = merge(
    {
      WEBHOOK_SECRET_KEY = { secret = google_secret_manager_secret.made["webhook-key"].secret_id, functions = ["api", "notifier"] }
    },
    local.cloud_sql ? {} : {
      DATABASE_URL = { secret = var.database.url_secret, functions = keys(local.functions) }
    },
  )

  secret_readers = {
    for pair in flatten([
      for key, secret in local.secret_environment : [for function in secret.functions : { secret = key, function = function }]
    ]) : "${pair.function} ${pair.secret}" => pair
  }

  made_secrets = { webhook-key = "Encrypts the signing secrets of webhooks at rest." }
}

# Terraform makes the secrets and never sees what is in them: deploy.sh adds the first version.
resource "google_secret_manager_secret" "made" {
  for_each = local.made_secrets

  secret_id   = "refresh-${each.key}"
  annotations = { about = each.value }

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  project   = var.project_id
  secret_id = local.secret_environment[each.value.secret].secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
