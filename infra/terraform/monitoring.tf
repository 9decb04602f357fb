locals {
  # Counters over the functions' structured logs: what happened, and the field that tells the kinds apart.
  log_metrics = {
    runs_ended     = { event = "run_ended", label = "status", about = "Runs that ended, by status." }
    tables_failed  = { event = "failed", label = "reason", about = "Tables that could not be refreshed, by reason." }
    tables_held    = { event = "held", label = "reason", about = "Tables that were held, by reason." }
    dead_letters   = { event = "dead_letter", label = "reason", about = "Messages that nobody could handle, by reason." }
    delivery_fails = { event = "delivery_failed", label = null, about = "Deliveries that met an unexpected error." }
    sweep_fails    = { event = "sweep_part_failed", label = "part", about = "Parts of the sweep that failed." }
  }

  channels = [for one in google_monitoring_notification_channel.email : one.id]

  # Alerts on those counters: more than `above` of them within `period`.
  log_alerts = {
    failed-run  = { name = "A refresh failed", severity = "ERROR", metric = "tables_failed", above = 0, period = "300s" }
    held-table  = { name = "A table is held", severity = "WARNING", metric = "tables_held", above = 0, period = "300s" }
    dead-letter = { name = "A message was dead-lettered", severity = "ERROR", metric = "dead_letters", above = 0, period = "300s" }
    sweep-fails = { name = "The sweep fails again and again", severity = "ERROR", metric = "sweep_fails", above = 3, period = "600s" }
  }

  platform_alerts = {
    unhandled-dead-letter = {
      name     = "A dead letter could not even be recorded"
      severity = "CRITICAL"
      filter   = "metric.type=\"pubsub.googleapis.com/subscription/num_undelivered_messages\" AND resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=\"${local.unhandled}\""
      above    = 0
      period   = "60s"
      lasting  = "0s"
      aligner  = "ALIGN_MAX"
      reducer  = "REDUCE_MAX"
    }
    backlog = {
      name     = "Messages wait for over an hour"
      severity = "ERROR"
      filter   = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" AND resource.type=\"pubsub_subscription\" AND resource.labels.subscription_id=monitoring.regex.full_match(\"refresh-.*-push\")"
      above    = 3600
      period   = "60s"
      lasting  = "300s"
      aligner  = "ALIGN_MAX"
      reducer  = "REDUCE_MAX"
    }
    error-rate = {
      name     = "Functions answer with errors"
      severity = "ERROR"
      filter   = "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND metric.labels.response_code_class=\"5xx\" AND resource.labels.service_name=monitoring.regex.full_match(\"refresh-.*\")"
      above    = 20
      period   = "900s"
      lasting  = "0s"
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
    }
    scan-cost = {
      name     = "BigQuery scanned more in a day than it should"
      severity = "WARNING"
      filter   = "metric.type=\"bigquery.googleapis.com/query/scanned_bytes_billed\" AND resource.type=\"global\""
      above    = var.daily_scan_alert_gib * 1073741824
      period   = "86400s"
      lasting  = "0s"
      aligner  = "ALIGN_SUM"
      reducer  = "REDUCE_SUM"
    }
  }

  database_alerts = local.cloud_sql ? {
    database-disk = {
      name     = "The database's disk is nearly full"
      severity = "ERROR"
      filter   = "metric.type=\"cloudsql.googleapis.com/database/disk/utilization\" AND resource.type=\"cloudsql_database\" AND resource.labels.database_id=\"${var.project_id}:${local.instance}\""
      above    = 0.85
      period   = "300s"
      lasting  = "900s"
      aligner  = "ALIGN_MEAN"
      reducer  = "REDUCE_MAX"
    }
    database-connections = {
      name     = "The database's connections run out"
      severity = "WARNING"
      filter   = "metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\" AND resource.type=\"cloudsql_database\" AND resource.labels.database_id=\"${var.project_id}:${local.instance}\""
      above    = var.database.max_connections * 0.9
      period   = "60s"
      lasting  = "300s"
      aligner  = "ALIGN_MAX"
      reducer  = "REDUCE_SUM"
    }
  } : {}

  threshold_alerts = merge(local.platform_alerts, local.database_alerts, {
    for key, one in local.log_alerts : key => {
      name     = one.name
      severity = one.severity
      filter   = "metric.type=\"logging.googleapis.com/user/refresh_${one.metric}\" AND resource.type=\"cloud_run_revision\""
      above    = one.above
      period   = one.period
      lasting  = "0s"
      aligner  = "ALIGN_DELTA"
      reducer  = "REDUCE_SUM"
    }
  })
}

resource "google_monitoring_notification_channel" "email" {
  for_each = toset(var.alert_emails)

  type         = "email"
  display_name = "Refresh ${var.environment}: ${each.value}"
  labels       = { email_address = each.value }

  depends_on = [google_project_service.used]
}

resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  name             = "refresh_${each.key}"
  description      = each.value.about
  filter           = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^refresh-\" AND jsonPayload.message=\"${each.value.event}\""
  label_extractors = each.value.label == null ? null : { (each.value.label) = "EXTRACT(jsonPayload.${each.value.label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    dynamic "labels" {
      for_each = each.value.label == null ? [] : [each.value.label]

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each = local.threshold_alerts

  display_name          = "Refresh ${var.environment}: ${each.value.name}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.value.name

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.lasting

      aggregations {
        alignment_period     = each.value.period
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
      }
    }
  }

  documentation {
    content   = "infra/RUNBOOK.md, \"Alerts\", ${each.key}: what it means and what to do."
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [google_logging_metric.this]
}

# The data is stale: no run has ended well for 25 hours, the longest that an alert can look back.
resource "google_monitoring_alert_policy" "stale" {
  display_name          = "Refresh ${var.environment}: the data is stale"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "No run has ended well for 25 hours"

    condition_threshold {
      filter                  = "metric.type=\"logging.googleapis.com/user/refresh_runs_ended\" AND resource.type=\"cloud_run_revision\" AND metric.labels.status=monitoring.regex.full_match(\"success|warning\")"
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "0s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "90000s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }

      trigger {
        count = 1
      }
    }
  }

  documentation {
    content   = "infra/RUNBOOK.md, \"Alerts\", stale: what it means and what to do."
    mime_type = "text/markdown"
  }

  depends_on = [google_logging_metric.this]
}

# The sweep's age: it comes every minute, so the orchestrator answers at least that often.
resource "google_monitoring_alert_policy" "sweep_age" {
  display_name          = "Refresh ${var.environment}: nothing sweeps"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "The orchestrator has answered nothing well for 10 minutes"

    condition_absent {
      filter   = "metric.type=\"run.googleapis.com/request_count\" AND resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"refresh-orchestrator\" AND metric.labels.response_code_class=\"2xx\""
      duration = "600s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "infra/RUNBOOK.md, \"Alerts\", sweep-age: what it means and what to do."
    mime_type = "text/markdown"
  }

  depends_on = [google_project_service.used]
}

resource "google_billing_budget" "this" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "Refresh ${var.environment}"

  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(floor(var.budget.amount))
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]

    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = local.channels
    disable_default_iam_recipients   = false
  }
}
