variable "kafka_token" {
  type      = string
  sensitive = true
  ephemeral = true
}

provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9094"]

    tls = {
      ca_cert = "ca.pem"
    }
    sasl = {
      mechanism = "OAUTHBEARER"
      token     = var.kafka_token
    }
  }
}
