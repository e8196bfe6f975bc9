provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
  }
}

provider "offsets" {
  alias = "dr"

  kafka = {
    bootstrap_servers = ["kafka-1.dr.example.com:9092"]
  }
}

resource "kafka_consumer_offset_reset" "dr" {
  provider = offsets.dr

  group_id = "billing"
  topic    = "orders"
  lookback = "2h"
}
