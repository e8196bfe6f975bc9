terraform {
  required_providers {
    offsets = {
      source  = "terraform-offsets/offsets"
      version = "~> 0.1"
    }
  }
}

provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9092", "kafka-2.example.com:9092"]
  }
}
