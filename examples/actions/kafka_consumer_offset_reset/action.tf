action "kafka_consumer_offset_reset" "skip_the_backlog" {
  provider = offsets

  config {
    group_id             = "billing"
    topic                = "orders"
    position             = "latest"
    max_skipped_messages = 1000
  }
}
