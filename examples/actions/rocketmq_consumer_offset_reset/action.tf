action "rocketmq_consumer_offset_reset" "skip_the_backlog" {
  provider = offsets

  config {
    consumer_group       = "billing"
    topic                = "orders"
    reset_type           = "LATEST_OFFSET"
    max_skipped_messages = 1000
  }
}
