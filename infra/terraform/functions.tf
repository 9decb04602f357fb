locals {
  worker_timeout_seconds = 540
  ack_deadline_seconds   = 600

  # connections: what one instance may hold at once, which it keeps to (DATABASE_CONNECTIONS). A worker has one for the
  # work and one for its lease; the API has one for each thread; the notifier shares its own among what it delivers.
  function_defaults = {
    orchestrator = {
      memory        = "512Mi"
      cpu           = "1"
      max_instances = 3
      min_instances = 0
      concurrency   = 1
      threads       = 4
      connections   = 2
      database_role = "refresh_loader"
    }
    asin = {
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 4
      min_instances = 0
      concurrency   = 1
      threads       = 4
      connections   = 2
      database_role = "refresh_loader"
    }
    search_queries = {
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 4
      min_instances = 0
      concurrency   = 1
      threads       = 4
      connections   = 2
      database_role = "refresh_loader"
    }
    summaries = {
      memory        = "512Mi"
      cpu           = "1"
      max_instances = 2
      min_instances = 0
      concurrency   = 1
      threads       = 4
      connections   = 2
      database_role = "refresh_loader"
    }
    generic = {
      memory        = "2Gi"
      cpu           = "1"
      max_instances = 6
      min_instances = 0
      concurrency   = 1
      threads       = 4
      connections   = 2
      database_role = "refresh_loader"
    }
    notifier = {
      memory        = "512Mi"
      cpu           = "1"
      max_instances = 1
      min_instances = 0
      concurrency   = 8 # one request drives the sending and waits for slow receivers; the others must get past it
      threads       = 8
      connections   = 8
      database_role = "refresh_notifier"
    }
    api = {
      memory        = "1Gi"
      cpu           = "1"
      max_instances = 2
      min_instances = 0
      concurrency   = 80
      threads       = 8
      connections   = 8
      database_role = "refresh_api"
    }
  }

  functions = {
    for name, standard in local.function_defaults : name => merge(
      standard,
      { slug = replace(name, "_", "-") },
      { for key, value in try(var.functions[name], {}) : key => value if value != null },
    )
  }

  deployed = { for name, one in local.functions : name => one if contains(keys(var.release.sources), name) }

  reads_bigquery = toset(["orchestrator", "asin", "search_queries", "generic", "api"])

  environment = merge(
    {
      GOOGLE_CLOUD_PROJECT        = var.project_id
      REFRESH_SCHEDULE            = var.schedule
      REFRESH_TIME_ZONE           = var.time_zone
      REFRESH_TIME_BUDGET_SECONDS = tostring(var.time_budget_seconds)
      REFRESH_PUBLISH_SECONDS     = tostring(var.publish_seconds)
      REFRESH_LOG_FORMAT          = "json"
      REFRESH_USD_PER_TIB         = tostring(var.usd_per_tib)
      REFRESH_VERIFY_SCHEDULE     = var.verify_schedule
      REFRESH_TRACES              = var.traces
      REFRESH_TRACE_SHARE         = tostring(var.trace_share)
      WORKERS                     = "1"
      LOG_EXECUTION_ID            = "true"
    },
    var.max_bytes_billed_per_day == null ? {} : {
      REFRESH_MAX_BYTES_BILLED_PER_DAY = tostring(var.max_bytes_billed_per_day)
    },
    local.cloud_sql ? {
      CLOUD_SQL_INSTANCE = local.connection_name
      CLOUD_SQL_IP_TYPE  = var.private_network == null ? "PUBLIC" : "PRIVATE"
      DATABASE_NAME      = var.database.name
    } : {},
  )
}

resource "google_storage_bucket" "sources" {
  #checkov:skip=CKV_GCP_62:sources are written by deployments alone, which the audit log of the project shows

  name                        = "${var.project_id}-refresh-sources"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 90
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_artifact_registry_repository" "functions" {
  #checkov:skip=CKV_GCP_84:images hold code and no data; Google's own keys encrypt them

  repository_id = "refresh-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the functions, built from their staged sources."

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }

  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_cloudfunctions2_function" "this" {
  for_each = local.deployed

  name        = "refresh-${each.value.slug}"
  location    = var.region
  description = "Daily BigQuery refresh: ${each.key}."
  labels      = { function = each.value.slug }

  build_config {
    runtime           = "python313"
    entry_point       = each.key
    service_account   = google_service_account.build.id
    docker_repository = google_artifact_registry_repository.functions.id

    source {
      storage_source {
        bucket = google_storage_bucket.sources.name
        object = var.release.sources[each.key]
      }
    }
  }

  service_config {
    available_memory                 = each.value.memory
    available_cpu                    = each.value.cpu
    timeout_seconds                  = each.key == "api" ? 60 : local.worker_timeout_seconds
    max_instance_request_concurrency = each.value.concurrency
    max_instance_count               = each.value.max_instances
    min_instance_count               = each.value.min_instances
    service_account_email            = google_service_account.function[each.key].email
    ingress_settings                 = each.key == "api" ? "ALLOW_ALL" : "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    vpc_connector                    = one(google_vpc_access_connector.functions[*].id)
    vpc_connector_egress_settings    = var.private_network == null ? null : "PRIVATE_RANGES_ONLY"

    environment_variables = merge(
      local.environment,
      {
        THREADS              = tostring(each.value.threads)
        DATABASE_ROLE        = each.value.database_role
        DATABASE_CONNECTIONS = tostring(each.value.connections)
      },
      local.cloud_sql ? { DATABASE_USER = trimsuffix(google_service_account.function[each.key].email, ".gserviceaccount.com") } : {},
      lookup(local.own_environment, each.key, {}),
    )

    dynamic "secret_environment_variables" {
      for_each = { for key, secret in local.secret_environment : key => secret if contains(secret.functions, each.key) }

      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.secret
        version    = "latest"
      }
    }
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.build_images,
    google_bigquery_dataset_iam_member.source,
    google_project_iam_member.bigquery_jobs,
    google_project_iam_member.bigquery_sessions,
    google_project_iam_member.build_logs,
    google_project_iam_member.database_client,
    google_project_iam_member.database_login,
    google_pubsub_topic_iam_member.publisher,
    google_secret_manager_secret_iam_member.reader,
    google_sql_user.function,
    google_storage_bucket_iam_member.build_sources,
    terraform_data.connection_budget,
  ]
}

# Who may call: the push accounts their own function, and people and the smoke test the API.

resource "google_cloud_run_service_iam_member" "push" {
  for_each = { for topic, function in local.push : topic => function if contains(keys(local.deployed), function) }

  location = var.region
  service  = google_cloudfunctions2_function.this[each.value].name
  role     = "roles/run.invoker"
  member   = google_service_account.push[each.key].member
}

resource "google_cloud_run_service_iam_member" "api" {
  for_each = contains(keys(local.deployed), "api") ? toset(concat(var.api_invokers, ["smoke"])) : toset([])

  location = var.region
  service  = google_cloudfunctions2_function.this["api"].name
  role     = "roles/run.invoker"
  member   = each.value == "smoke" ? google_service_account.smoke.member : each.value
}

locals {
  # What only one function needs to know.
  own_environment = {
    api = {
      API_AUDIENCE     = "https://refresh-api-${data.google_project.this.number}.${var.region}.run.app"
      API_IAP_AUDIENCE = var.api_iap_audience
      API_OPERATORS    = join(",", var.api_operators)
      API_VIEWERS      = join(",", concat(var.api_viewers, [google_service_account.smoke.email]))
    }
  }
}
