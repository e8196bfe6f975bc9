data "kafka_mirror_checkpoints" "billing" {
  provider = offsets

  group_id     = "billing"
  source_alias = "primary"
}

check "every_partition_has_a_checkpoint" {
  assert {
    condition     = length(data.kafka_mirror_checkpoints.billing.missing) == 0
    error_message = "Without a checkpoint: ${jsonencode(data.kafka_mirror_checkpoints.billing.missing)}"
  }
}

resource "kafka_consumer_offset_reset" "billing" {
  provider = offsets

  group_id        = "billing"
  allow_new_group = true
  offsets         = data.kafka_mirror_checkpoints.billing.offsets

  triggers = { failover = "2026-03-01" }
  reset_on = "triggers" # the checkpoints of another day are no new reset
}
