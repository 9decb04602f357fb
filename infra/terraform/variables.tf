variable "project_id" {
  description = "The Google Cloud project of this environment. Each environment has a project of its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is a project's id (6 to 30 lower-case letters, digits and hyphens), not its name or number."
  }
}

variable "environment" {
  description = "Name of the environment, for labels and alerts."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.environment))
    error_message = "environment has 2 to 21 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of functions, database, scheduler and builds. Choose the one that the BigQuery datasets are in or next to."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is a region such as europe-west1, not a zone or multi-region."
  }
}

variable "deployers" {
  description = "Who may run deploy.sh: members that may act as the migrator and as the smoke test's caller."
  type        = list(string)

  validation {
    condition     = alltrue([for member in var.deployers : can(regex("^(user|group|serviceAccount):[^@\\s]+@[^@\\s]+$", member))])
    error_message = "deployers are user:…, group:… or serviceAccount:… members."
  }
}

variable "api_invokers" {
  description = "Who may call the API, besides the smoke test. What each may do there is decided by api_operators and api_viewers."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.api_invokers : can(regex("^(user|group|serviceAccount|domain):\\S+$", member))])
    error_message = "api_invokers are user:…, group:…, serviceAccount:… or domain:… members; never allUsers or allAuthenticatedUsers."
  }
}

variable "api_operators" {
  description = "E-mail addresses that may start, steer and configure refreshes."
  type        = list(string)
  default     = []
}

variable "api_viewers" {
  description = "E-mail addresses that may read. Operators may read too."
  type        = list(string)
  default     = []
}

variable "api_iap_audience" {
  description = "Audience of Identity-Aware Proxy's assertions, where it stands in front of the API so that browsers reach the web page; empty: it does not."
  type        = string
  default     = ""
}

variable "source_datasets" {
  description = "BigQuery datasets with source tables, as project.dataset. The workers may read these, and nothing else."
  type        = list(string)

  validation {
    condition     = length(var.source_datasets) > 0 && alltrue([for one in var.source_datasets : can(regex("^[a-z0-9.:-]+\\.[A-Za-z0-9_]+$", one))])
    error_message = "source_datasets names at least one dataset, each as project.dataset."
  }
}

variable "schedule" {
  description = "Cron expression of the daily trigger, in time_zone."
  type        = string
  default     = "0 6 * * *"

  validation {
    condition     = can(regex("^(\\S+\\s+){4}\\S+$", var.schedule))
    error_message = "schedule is a cron expression with five fields, such as 0 6 * * *."
  }
}

variable "verify_schedule" {
  description = "Cron expression of the verification of all live tables, in time_zone: each scans its source once. off: only by hand."
  type        = string
  default     = "0 14 * * 0"

  validation {
    condition     = var.verify_schedule == "off" || can(regex("^(\\S+\\s+){4}\\S+$", var.verify_schedule))
    error_message = "verify_schedule is off, or a cron expression with five fields, such as 0 14 * * 0."
  }
}

variable "time_zone" {
  description = "IANA time zone of schedule."
  type        = string
  default     = "UTC"

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+/[A-Za-z_+/0-9-]+)$", var.time_zone))
    error_message = "time_zone is an IANA name such as Europe/Berlin, or UTC."
  }
}

variable "time_budget_seconds" {
  description = "How long a worker works on one message before it hands on. The platform ends it at worker_timeout_seconds."
  type        = number
  default     = 480

  validation {
    condition     = var.time_budget_seconds >= 60 && var.time_budget_seconds <= 510
    error_message = "time_budget_seconds is from 60 to 510, so that a worker stops before the platform's 540 s."
  }
}

variable "publish_seconds" {
  description = "Statement timeout of a publish, which starts only when this much of the time budget is left."
  type        = number
  default     = 120

  validation {
    condition     = var.publish_seconds >= 10 && var.publish_seconds <= 450
    error_message = "publish_seconds is from 10 to 450."
  }
}

variable "message_retention_days" {
  description = "How long topics keep messages, for replay by a seek: 7 to 31 days."
  type        = number
  default     = 7

  validation {
    condition     = var.message_retention_days >= 7 && var.message_retention_days <= 31
    error_message = "message_retention_days is from 7 to 31."
  }
}

variable "functions" {
  description = "Sizes of functions that differ from the defaults in functions.tf, by name (orchestrator, asin, search_queries, summaries, generic, notifier, api)."
  type = map(object({
    memory        = optional(string)
    cpu           = optional(string)
    max_instances = optional(number)
    min_instances = optional(number)
  }))
  default = {}

  validation {
    condition     = alltrue([for name in keys(var.functions) : contains(["orchestrator", "asin", "search_queries", "summaries", "generic", "notifier", "api"], name)])
    error_message = "functions has a name that is none of orchestrator, asin, search_queries, summaries, generic, notifier, api."
  }

  validation {
    condition     = alltrue([for one in var.functions : one.memory == null || can(regex("^[0-9]+(Mi|Gi)$", one.memory))])
    error_message = "A function's memory is written like 512Mi or 2Gi."
  }

  validation {
    condition     = alltrue([for one in var.functions : one.max_instances == null || try(one.max_instances >= 1 && one.max_instances <= 100, false)])
    error_message = "A function's max_instances is from 1 to 100."
  }
}

variable "database" {
  description = <<-EOT
    Where the tables are. Left as it is: a new Cloud SQL instance of this tier. existing_instance: a Cloud SQL instance
    of this project. url_secret: a Secret Manager secret (its id) that holds DATABASE_URL of any Postgres, a Supabase
    one too. max_connections is what the server allows, reserved_connections what dashboards and people need of it.
  EOT
  type = object({
    existing_instance    = optional(string)
    url_secret           = optional(string)
    name                 = optional(string, "refresh")
    version              = optional(string, "POSTGRES_18")
    edition              = optional(string, "ENTERPRISE")
    tier                 = optional(string, "db-custom-1-3840")
    availability         = optional(string, "ZONAL")
    disk_gb              = optional(number, 20)
    disk_limit_gb        = optional(number, 200)
    max_connections      = optional(number, 100)
    reserved_connections = optional(number, 30)
    backups              = optional(number, 14)
    log_retention_days   = optional(number, 7)
    deletion_protection  = optional(bool, true)
  })
  default = {}

  validation {
    condition     = var.database.existing_instance == null || var.database.url_secret == null
    error_message = "database has either existing_instance or url_secret, not both."
  }

  validation {
    condition     = can(regex("^POSTGRES_1[5-9]$", var.database.version))
    error_message = "database.version is POSTGRES_15 or newer."
  }

  validation {
    condition     = contains(["ZONAL", "REGIONAL"], var.database.availability)
    error_message = "database.availability is ZONAL or REGIONAL (with a standby in another zone)."
  }

  validation {
    condition     = contains(["ENTERPRISE", "ENTERPRISE_PLUS"], var.database.edition)
    error_message = "database.edition is ENTERPRISE or ENTERPRISE_PLUS."
  }

  validation {
    condition     = var.database.log_retention_days >= 1 && var.database.log_retention_days <= (var.database.edition == "ENTERPRISE" ? 7 : 35)
    error_message = "database.log_retention_days is from 1 to 7 (ENTERPRISE) or 35 (ENTERPRISE_PLUS)."
  }

  validation {
    condition     = var.database.backups >= 7
    error_message = "database.backups is at least 7 daily backups."
  }
}

variable "private_network" {
  description = <<-EOT
    A VPC network for a database without public address: the network's self link (projects/P/global/networks/N) and a
    free /28 range for the connector of the functions. Left null: the database has a public address that only connectors
    with IAM can use. deploy.sh must then run where the network is reachable.
  EOT
  type = object({
    network        = string
    connector_cidr = optional(string, "10.8.0.0/28")
  })
  default = null

  validation {
    condition     = var.private_network == null || try(cidrhost(var.private_network.connector_cidr, 15) != "" && endswith(var.private_network.connector_cidr, "/28"), false)
    error_message = "private_network.connector_cidr is a /28 range."
  }
}

variable "alert_emails" {
  description = "Who is told by e-mail when an alert fires."
  type        = list(string)

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for one in var.alert_emails : can(regex("^[^@\\s]+@[^@\\s]+$", one))])
    error_message = "alert_emails has at least one e-mail address: an alert that nobody gets is none."
  }
}

variable "daily_scan_alert_gib" {
  description = "An alert fires when BigQuery billed more than this many GiB in a day in this project."
  type        = number
  default     = 200

  validation {
    condition     = var.daily_scan_alert_gib > 0
    error_message = "daily_scan_alert_gib is above 0."
  }
}

variable "budget" {
  description = "Monthly budget of the project, of which 50, 90 and 100 % are told to alert_emails. Null: none; it needs rights on the billing account."
  type = object({
    billing_account = string
    amount          = number
    currency        = optional(string, "USD")
  })
  default = null

  validation {
    condition     = var.budget == null || try(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account) != "" && var.budget.amount >= 1, false)
    error_message = "budget.billing_account looks like 0123AB-4567CD-89EF01, and budget.amount is at least 1."
  }
}

variable "labels" {
  description = "More labels for everything that can have them."
  type        = map(string)
  default     = {}
}

variable "release" {
  description = "What is deployed: an id for people, and for each function the object in the sources bucket. deploy.sh sets it; a function that is not named does not exist yet."
  type = object({
    id      = string
    sources = map(string)
  })
  default = { id = "none", sources = {} }
}
