resource "kafka_consumer_group_snapshot" "kept" {
  provider = offsets
  group_id = "billing"
}

resource "kafka_consumer_offset_reset" "failover" {
  provider        = offsets
  group_id        = "billing"
  snapshot        = kafka_consumer_group_snapshot.kept.snapshot
  allow_new_group = true # on the second cluster it is
}
