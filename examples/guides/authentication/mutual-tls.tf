provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9093"]

    tls = {
      ca_cert     = "ca.pem" # a file's path, or the PEM text itself
      client_cert = "client.pem"
      client_key  = "client-key.pem"
    }
  }
}
