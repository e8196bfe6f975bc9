# Keeps where the groups of an incident are, before anything is changed. It
# writes to no broker, also when it is destroyed.

terraform {
  required_version = ">= 1.11"

  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

# Addresses and credentials come from the environment.
provider "offsets" {
  kafka = { cluster_id = var.kafka_cluster_id }
}

data "kafka_consumer_group_offsets" "now" {
  provider = offsets
  for_each = var.kafka_groups

  group_id = each.key
  topics   = each.value

  lifecycle {
    postcondition {
      condition     = self.state != "Dead" || length(self.offsets) > 0
      error_message = "The group ${each.key} has no offsets and does not exist on the cluster ${self.cluster_id}. Is its name right, and is this the right cluster?"
    }
  }
}

# RocketMQ tells offsets by group and topic.
data "rocketmq_consumer_group_offsets" "now" {
  provider = offsets
  for_each = toset(flatten([for group, topics in var.rocketmq_groups : [for topic in topics : "${group}/${topic}"]]))

  consumer_group = split("/", each.key)[0]
  topic          = split("/", each.key)[1]
}

# One snapshot for each incident. Whatever the groups do later, and however
# often this is applied, the snapshot of an incident stays what it was.
resource "terraform_data" "snapshot" {
  for_each = toset([var.incident])

  input = {
    incident = each.key
    taken_at = plantimestamp() # the data are read during the plan

    kafka = {
      cluster_id = one(distinct([for d in data.kafka_consumer_group_offsets.now : d.cluster_id]))
      groups = {
        for group, d in data.kafka_consumer_group_offsets.now : group => { topics = var.kafka_groups[group], offsets = d.offsets, total_lag = d.total_lag }
      }
    }
    rocketmq = {
      cluster_id = one(distinct([for d in data.rocketmq_consumer_group_offsets.now : d.cluster_id]))
      groups     = { for key, d in data.rocketmq_consumer_group_offsets.now : key => { offsets = d.offsets, total_lag = d.total_lag } }
    }
  }

  lifecycle {
    ignore_changes = [input]
  }
}
