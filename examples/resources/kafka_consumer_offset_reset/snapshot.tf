# Where the group was before the release; a change of "release" takes another one.
resource "kafka_consumer_group_snapshot" "before_release" {
  provider = offsets

  group_id = "billing"
  triggers = { release = "4.2.0" }
}

# And back there. On another cluster the same takes the group to the same records.
resource "kafka_consumer_offset_reset" "roll_back" {
  provider = offsets

  group_id = "billing"
  snapshot = kafka_consumer_group_snapshot.before_release.snapshot

  triggers = { rolled_back = "4.2.0" }
  reset_on = "triggers"
}
