# The groups go on on the secondary cluster, at the records where they were.
terraform {
  required_version = ">= 1.11"
  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

variable "secondary" {
  type        = list(string)
  description = "Bootstrap servers of the secondary cluster."
}

variable "snapshots" {
  type        = map(string)
  description = "The snapshots by group."
}

variable "topic_names" {
  type        = map(string)
  default     = {}
  description = "The names on the secondary of the topics that have another one there."
}

variable "failover" {
  type        = string
  description = "The failover's name. Another one resets again, and nothing else does."
}

variable "unmatched" {
  type        = string
  default     = "time"
  description = "What happens to partitions whose record is not found: \"time\" or \"error\"."
}

variable "max_replayed_messages" {
  type        = number
  default     = null
  description = "Refuse the failover of a group that would have more messages than this consumed again."
}

provider "offsets" {
  kafka = { bootstrap_servers = var.secondary }
}

resource "kafka_consumer_offset_reset" "group" {
  provider = offsets
  for_each = var.snapshots

  group_id        = each.key
  allow_new_group = true # a group is new on the cluster that it comes to

  snapshot    = each.value
  topic_names = var.topic_names
  unmatched   = var.unmatched

  max_replayed_messages = var.max_replayed_messages

  triggers = { failover = var.failover }
  reset_on = "triggers" # a later snapshot is no new failover
}

check "every_record_was_found" {
  assert {
    condition = alltrue([for r in kafka_consumer_offset_reset.group : r.summary.unmatched == 0])
    error_message = "By time, and therefore partly again: ${join(", ", [
      for group, r in kafka_consumer_offset_reset.group : "${r.summary.unmatched} partitions of ${group}" if r.summary.unmatched > 0
    ])}."
  }
}

output "places" {
  value = { for group, r in kafka_consumer_offset_reset.group : group => r.summary }
}
