resource "rocketmq_consumer_offset_reset" "skip" {
  provider = offsets

  consumer_group       = "billing"
  topic                = "orders"
  reset_type           = "LATEST_OFFSET"
  max_skipped_messages = 500 # refuse to skip more than this
  on_destroy           = "restore"
}
