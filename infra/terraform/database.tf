locals {
  cloud_sql       = var.database.url_secret == null
  new_instance    = local.cloud_sql && var.database.existing_instance == null
  instance        = local.cloud_sql ? (local.new_instance ? google_sql_database_instance.this[0].name : var.database.existing_instance) : null
  connection_name = local.cloud_sql ? (local.new_instance ? google_sql_database_instance.this[0].connection_name : data.google_sql_database_instance.existing[0].connection_name) : null

  # The role of each login is given by deploy.sh, in the database.
  database_logins = local.cloud_sql ? merge({ for name, account in google_service_account.function : name => account }, { migrator = google_service_account.migrator }) : {}

  instance_condition = local.cloud_sql ? "resource.type == 'sqladmin.googleapis.com/Instance' && resource.name == 'projects/${var.project_id}/instances/${local.new_instance ? "refresh" : var.database.existing_instance}'" : null

  flags = {
    "cloudsql.iam_authentication" = "on"
    "max_connections"             = tostring(var.database.max_connections)
    "log_checkpoints"             = "on"
    "log_connections"             = "on"
    "log_disconnections"          = "on"
    "log_lock_waits"              = "on"
    "log_temp_files"              = "0"
    "log_min_duration_statement"  = "-1"
    "log_min_messages"            = "warning"
    "log_hostname"                = "off"
    "log_statement"               = "ddl"
    "log_duration"                = "off"
    "cloudsql.enable_pgaudit"     = "on"
  }
}

data "google_sql_database_instance" "existing" {
  count = var.database.existing_instance == null ? 0 : 1

  name = var.database.existing_instance
}

resource "google_sql_database_instance" "this" {
  #checkov:skip=CKV_GCP_60:without private_network the address is public, but only connectors with IAM get in (connector_enforcement)
  #checkov:skip=CKV_GCP_79:the version is the operator's choice, see var.database.version; a new one has to be wanted

  count = local.new_instance ? 1 : 0

  name                = "refresh"
  region              = var.region
  database_version    = var.database.version
  deletion_protection = var.database.deletion_protection

  settings {
    tier                        = var.database.tier
    edition                     = var.database.edition
    availability_type           = var.database.availability
    disk_type                   = "PD_SSD"
    disk_size                   = var.database.disk_gb
    disk_autoresize             = true
    disk_autoresize_limit       = var.database.disk_limit_gb
    deletion_protection_enabled = var.database.deletion_protection
    connector_enforcement       = "REQUIRED"
    user_labels                 = local.labels

    ip_configuration {
      ipv4_enabled    = var.private_network == null
      private_network = try(var.private_network.network, null)
      ssl_mode        = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "02:00"
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = var.database.log_retention_days

      backup_retention_settings {
        retained_backups = var.database.backups
        retention_unit   = "COUNT"
      }
    }

    maintenance_window {
      day          = 7
      hour         = 2
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = true
      query_string_length     = 1024
      record_application_tags = true
      record_client_address   = false
    }

    dynamic "database_flags" {
      for_each = local.flags

      content {
        name  = database_flags.key
        value = database_flags.value
      }
    }
  }

  lifecycle {
    ignore_changes = [settings[0].disk_size]
  }

  depends_on = [google_project_service.used, google_service_networking_connection.database]
}

resource "google_sql_database" "this" {
  count = local.cloud_sql ? 1 : 0

  name            = var.database.name
  instance        = local.instance
  charset         = "UTF8"
  deletion_policy = "ABANDON"
}

resource "google_sql_user" "function" {
  for_each = local.database_logins

  instance        = local.instance
  name            = trimsuffix(each.value.email, ".gserviceaccount.com")
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  deletion_policy = "ABANDON"
}

resource "google_project_iam_member" "database_client" {
  for_each = local.database_logins

  project = var.project_id
  role    = "roles/cloudsql.client"
  member  = each.value.member

  condition {
    title      = "only-the-refresh-instance"
    expression = local.instance_condition
  }
}

resource "google_project_iam_member" "database_login" {
  for_each = local.database_logins

  project = var.project_id
  role    = "roles/cloudsql.instanceUser"
  member  = each.value.member

  condition {
    title      = "only-the-refresh-instance"
    expression = local.instance_condition
  }
}

# Every instance of every function may be up at once; what is left must do for dashboards, people and the server itself.
resource "terraform_data" "connection_budget" {
  input = local.connections_needed

  lifecycle {
    precondition {
      condition     = local.connections_needed <= var.database.max_connections - var.database.reserved_connections
      error_message = "The functions may open ${local.connections_needed} database connections (${local.connections_told}), but only ${var.database.max_connections - var.database.reserved_connections} are theirs: max_connections ${var.database.max_connections} − reserved_connections ${var.database.reserved_connections}. Lower max_instances in functions, or raise database.max_connections (with a larger database.tier)."
    }
  }
}

locals {
  connections_needed = sum([for one in local.functions : one.max_instances * one.connections])
  connections_told   = join(" + ", [for name, one in local.functions : "${name} ${one.max_instances} × ${one.connections}"])
}

# A private address, where one is asked for.

resource "google_compute_global_address" "database" {
  count = var.private_network == null || !local.new_instance ? 0 : 1

  name          = "refresh-database"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = var.private_network.network
}

resource "google_service_networking_connection" "database" {
  count = var.private_network == null || !local.new_instance ? 0 : 1

  network                 = var.private_network.network
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.database[0].name]
}

resource "google_vpc_access_connector" "functions" {
  count = var.private_network == null ? 0 : 1

  name          = "refresh"
  region        = var.region
  network       = element(split("/", var.private_network.network), length(split("/", var.private_network.network)) - 1)
  ip_cidr_range = var.private_network.connector_cidr
  min_instances = 2
  max_instances = 3

  depends_on = [google_project_service.used]
}
