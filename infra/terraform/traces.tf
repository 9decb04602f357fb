# Traces of runs, off unless they are asked for. Cloud Trace takes them by the Telemetry API.

variable "traces" {
  description = "Where traces of runs go: off, cloud_trace, or the address of an OTLP receiver such as https://collector.example.com/v1/traces."
  type        = string
  default     = "off"

  validation {
    condition     = can(regex("^(off|cloud_trace|https?://\\S+)$", var.traces))
    error_message = "traces is off, cloud_trace, or an address that begins with https:// or http://."
  }
}

variable "trace_share" {
  description = "Share of the runs that are traced, from 0 to 1."
  type        = number
  default     = 1

  validation {
    condition     = var.trace_share >= 0 && var.trace_share <= 1
    error_message = "trace_share is from 0 to 1."
  }
}

resource "google_project_service" "traces" {
  for_each = toset(var.traces == "cloud_trace" ? ["cloudtrace.googleapis.com", "telemetry.googleapis.com"] : [])

  service            = each.value
  disable_on_destroy = false
}

resource "google_project_iam_member" "traces" {
  for_each = var.traces == "cloud_trace" ? local.functions : {}

  project = var.project_id
  role    = "roles/telemetry.tracesWriter"
  member  = google_service_account.function[each.key].member

  depends_on = [google_project_service.traces]
}
