# What BigQuery may bill, and at which price it is told.

variable "max_bytes_billed_per_day" {
  description = "Bytes that all BigQuery jobs of a day (UTC) may bill; what would exceed it is held. null: no cap."
  type        = number
  default     = null

  validation {
    condition     = var.max_bytes_billed_per_day == null ? true : var.max_bytes_billed_per_day >= 1
    error_message = "max_bytes_billed_per_day is at least 1, or null."
  }
}

variable "usd_per_tib" {
  description = "Price of a TiB that BigQuery bills, in USD, to show what runs cost."
  type        = number
  default     = 6.25

  validation {
    condition     = var.usd_per_tib >= 0 && var.usd_per_tib <= 1000
    error_message = "usd_per_tib is from 0 to 1000."
  }
}
