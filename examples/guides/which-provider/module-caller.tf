provider "offsets" {
  alias = "dr"

  kafka = {
    bootstrap_servers = ["kafka-1.dr.example.com:9092"]
  }
}

module "replay" {
  source = "./modules/replay"

  providers = {
    offsets = offsets.dr
  }

  group_id = "billing"
}
