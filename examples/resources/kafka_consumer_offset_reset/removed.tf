removed {
  from = kafka_consumer_offset_reset.replay

  lifecycle {
    destroy = false
  }
}
