locals {
  pubsub_agent    = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
  scheduler_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"

  dead_letter = "refresh-dead-letter"

  # Each topic, and the function that its messages are pushed to.
  push = {
    refresh-schedule       = "orchestrator"
    refresh-asin           = "asin"
    refresh-search-queries = "search_queries"
    refresh-summaries      = "summaries"
    refresh-generic        = "generic"
    refresh-events         = "notifier"
    refresh-deliveries     = "notifier"
    refresh-dead-letter    = "orchestrator"
  }

  # Whoever commits work publishes what is owed, whatever its topic; whoever is pushed to may dead-letter.
  publishers = {
    for pair in setproduct(keys(local.functions), keys(local.push)) : "${pair[0]} ${pair[1]}" => { function = pair[0], topic = pair[1] }
  }

  retention = "${var.message_retention_days * 86400}s"

  # The last resort: what not even the orchestrator could record.
  unhandled = "refresh-dead-letter-unhandled"
}

resource "google_pubsub_topic" "this" {
  #checkov:skip=CKV_GCP_83:messages hold ids and no data; Google's own keys encrypt them

  for_each = merge(local.push, { (local.unhandled) = null })

  name                       = each.key
  message_retention_duration = local.retention

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.used]
}

resource "google_pubsub_subscription" "push" {
  for_each = { for topic, function in local.push : topic => function if contains(keys(local.deployed), function) }

  name                       = "${each.key}-push"
  topic                      = google_pubsub_topic.this[each.key].id
  ack_deadline_seconds       = local.ack_deadline_seconds
  message_retention_duration = local.retention

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.value].service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.push[each.key].email
      audience              = google_cloudfunctions2_function.this[each.value].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "1s"
    maximum_backoff = "60s"
  }

  # Refusals of the platform (429, 503) count as attempts too, hence the most that is allowed.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this[each.key == local.dead_letter ? local.unhandled : local.dead_letter].id
    max_delivery_attempts = 100
  }

  expiration_policy {
    ttl = ""
  }

  depends_on = [
    google_cloud_run_service_iam_member.push,
    google_pubsub_topic_iam_member.agent_dead_letters,
  ]
}

resource "google_pubsub_subscription" "unhandled" {
  name                       = local.unhandled
  topic                      = google_pubsub_topic.this[local.unhandled].id
  ack_deadline_seconds       = 60
  message_retention_duration = local.retention

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publishers

  topic  = google_pubsub_topic.this[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.function[each.value.function].member
}

resource "google_pubsub_topic_iam_member" "scheduler" {
  topic  = google_pubsub_topic.this["refresh-schedule"].id
  role   = "roles/pubsub.publisher"
  member = local.scheduler_agent
}

# Dead-lettering is done by Pub/Sub's agent: it publishes there, and acknowledges here.

resource "google_pubsub_topic_iam_member" "agent_dead_letters" {
  for_each = toset([local.dead_letter, local.unhandled])

  topic  = google_pubsub_topic.this[each.value].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent_acknowledges" {
  for_each = google_pubsub_subscription.push

  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}

resource "google_cloud_scheduler_job" "this" {
  for_each = {
    daily = { schedule = var.schedule, retries = 5, about = "Starts the daily refresh." }
    sweep = { schedule = "* * * * *", retries = 1, about = "Publishes what is owed and hands on what nobody works on." }
  }

  name        = "refresh-${each.key}"
  description = each.value.about
  schedule    = each.value.schedule
  time_zone   = var.time_zone
  region      = var.region

  pubsub_target {
    topic_name = google_pubsub_topic.this["refresh-schedule"].id
    data       = base64encode(jsonencode({ version = 1, kind = each.key }))
  }

  retry_config {
    retry_count          = each.value.retries
    min_backoff_duration = "5s"
    max_backoff_duration = "60s"
  }

  depends_on = [google_pubsub_topic_iam_member.scheduler]
}
