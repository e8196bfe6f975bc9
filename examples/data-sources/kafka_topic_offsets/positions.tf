data "kafka_topic_offsets" "start" {
  provider = offsets

  topic    = "orders"
  position = "earliest"
}

data "kafka_topic_offsets" "end" {
  provider = offsets

  topic           = "orders"
  position        = "latest"
  isolation_level = "read_committed"
}

data "kafka_topic_offsets" "an_hour_ago" {
  provider = offsets

  topic    = "orders"
  lookback = "1h"
}

data "kafka_topic_offsets" "then" {
  provider = offsets

  topic     = "orders"
  timestamp = 1772373900000 # milliseconds
}
