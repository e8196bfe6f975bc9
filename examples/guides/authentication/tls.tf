provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9093"]

    tls = {
      ca_cert = file("${path.module}/ca.pem") # leave it out to trust the machine's authorities
    }
  }
}
