variable "kafka_password" {
  type      = string
  sensitive = true
}

provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9094"]

    tls = {
      ca_cert = "ca.pem"
    }
    sasl = {
      mechanism = "PLAIN"
      username  = "operations"
      password  = var.kafka_password
    }
  }
}
