provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092"]
  }
}
