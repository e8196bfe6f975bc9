provider "offsets" {
  rocketmq = {
    name_servers = ["rocketmq-1.example.com:9876", "rocketmq-2.example.com:9876"]
  }
}
