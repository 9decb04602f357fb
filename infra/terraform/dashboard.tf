locals {
  # Title, unit, filter, aligner, reducer and the label that lines are split by.
  charts = [
    { title = "Runs ended, by status", filter = "metric.type=\"logging.googleapis.com/user/refresh_runs_ended\"", aligner = "ALIGN_DELTA", period = "3600s", reducer = "REDUCE_SUM", by = ["metric.label.status"] },
    { title = "Tables failed, by reason", filter = "metric.type=\"logging.googleapis.com/user/refresh_tables_failed\"", aligner = "ALIGN_DELTA", period = "3600s", reducer = "REDUCE_SUM", by = ["metric.label.reason"] },
    { title = "Oldest waiting message (s)", filter = "metric.type=\"pubsub.googleapis.com/subscription/oldest_unacked_message_age\" resource.type=\"pubsub_subscription\"", aligner = "ALIGN_MAX", period = "60s", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"] },
    { title = "Dead letters, by reason", filter = "metric.type=\"logging.googleapis.com/user/refresh_dead_letters\"", aligner = "ALIGN_DELTA", period = "3600s", reducer = "REDUCE_SUM", by = ["metric.label.reason"] },
    { title = "Answers of the functions, by class", filter = "metric.type=\"run.googleapis.com/request_count\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_RATE", period = "300s", reducer = "REDUCE_SUM", by = ["resource.label.service_name", "metric.label.response_code_class"] },
    { title = "Time of an answer, 95th percentile (ms)", filter = "metric.type=\"run.googleapis.com/request_latencies\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_PERCENTILE_95", period = "300s", reducer = "REDUCE_MAX", by = ["resource.label.service_name"] },
    { title = "Memory in use, 99th percentile", filter = "metric.type=\"run.googleapis.com/container/memory/utilizations\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_PERCENTILE_99", period = "300s", reducer = "REDUCE_MAX", by = ["resource.label.service_name"] },
    { title = "Instances", filter = "metric.type=\"run.googleapis.com/container/instance_count\" resource.type=\"cloud_run_revision\"", aligner = "ALIGN_MAX", period = "60s", reducer = "REDUCE_SUM", by = ["resource.label.service_name"] },
    { title = "Database: connections", filter = "metric.type=\"cloudsql.googleapis.com/database/postgresql/num_backends\" resource.type=\"cloudsql_database\"", aligner = "ALIGN_MAX", period = "60s", reducer = "REDUCE_SUM", by = [] },
    { title = "Database: processor in use", filter = "metric.type=\"cloudsql.googleapis.com/database/cpu/utilization\" resource.type=\"cloudsql_database\"", aligner = "ALIGN_MEAN", period = "60s", reducer = "REDUCE_MAX", by = [] },
    { title = "Database: disk in use", filter = "metric.type=\"cloudsql.googleapis.com/database/disk/utilization\" resource.type=\"cloudsql_database\"", aligner = "ALIGN_MEAN", period = "300s", reducer = "REDUCE_MAX", by = [] },
    { title = "BigQuery: bytes billed", filter = "metric.type=\"bigquery.googleapis.com/query/scanned_bytes_billed\" resource.type=\"global\"", aligner = "ALIGN_SUM", period = "3600s", reducer = "REDUCE_SUM", by = [] },
  ]
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Refresh ${var.environment}"
    mosaicLayout = {
      columns = 12
      tiles = [
        for position, chart in local.charts : {
          xPos   = position % 2 * 6
          yPos   = floor(position / 2) * 4
          width  = 6
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = chart.period
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_logging_metric.this]
}
