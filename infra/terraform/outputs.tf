output "release" {
  description = "What is deployed."
  value       = var.release
}

output "sources_bucket" {
  description = "Bucket of the staged sources."
  value       = google_storage_bucket.sources.name
}

output "api_url" {
  description = "Address of the API; null before it is deployed."
  value       = contains(keys(local.deployed), "api") ? local.own_environment.api.API_AUDIENCE : null
}

output "database" {
  description = "Where the database is, and which login has which role in it. Null where DATABASE_URL is used."
  value = local.cloud_sql ? {
    instance   = local.connection_name
    name       = var.database.name
    ip_type    = var.private_network == null ? "PUBLIC" : "PRIVATE"
    migrator   = google_service_account.migrator.email
    is_created = local.new_instance
    roles      = { for name, one in local.functions : google_service_account.function[name].email => one.database_role }
  } : null
}

output "database_url_secret" {
  description = "Secret with DATABASE_URL; null where Cloud SQL is used."
  value       = var.database.url_secret
}

output "empty_secrets" {
  description = "Secrets that deploy.sh fills when they have no version yet."
  value       = [for one in google_secret_manager_secret.made : one.secret_id]
}

output "smoke_account" {
  description = "Account that calls the API after a deployment."
  value       = google_service_account.smoke.email
}

output "connections" {
  description = "Database connections that the functions may open together, of those that are theirs."
  value       = "${terraform_data.connection_budget.output} of ${var.database.max_connections - var.database.reserved_connections}"
}

output "subscriptions" {
  description = "Push subscriptions, for a seek."
  value       = [for one in google_pubsub_subscription.push : one.name]
}
