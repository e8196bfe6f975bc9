# Where the groups are on the primary cluster. Apply it on a schedule, and keep
# the output "tfvars" where it can be read when the primary's region is gone.
terraform {
  required_version = ">= 1.11"
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

variable "primary" {
  type        = list(string)
  description = "Bootstrap servers of the primary cluster."
}

variable "groups" {
  type        = set(string)
  description = "The consumer groups to keep the place of."
}

variable "run" {
  type        = string
  description = "Another value takes the snapshots anew: the time, or the pipeline run's number."
}

provider "offsets" {
  kafka = { bootstrap_servers = var.primary }
}

resource "kafka_consumer_group_snapshot" "group" {
  provider = offsets
  for_each = var.groups

  group_id = each.key
  triggers = { run = var.run }
}

output "snapshots" {
  value = { for group, s in kafka_consumer_group_snapshot.group : group => s.snapshot }
}

output "taken_at" {
  value = { for group, s in kafka_consumer_group_snapshot.group : group => s.taken_at }
}

# A file of variables for the other configuration.
output "tfvars" {
  value = jsonencode({ snapshots = { for group, s in kafka_consumer_group_snapshot.group : group => s.snapshot } })
}
