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
      mechanism = "SCRAM-SHA-512" # or SCRAM-SHA-256
      username  = "operations"
      password  = var.kafka_password
    }
  }
}
