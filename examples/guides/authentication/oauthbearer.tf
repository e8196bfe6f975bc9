variable "client_secret" {
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
      mechanism     = "OAUTHBEARER"
      token_url     = "https://login.example.com/oauth2/token"
      client_id     = "operations"
      client_secret = var.client_secret
      scopes        = ["kafka"]
    }
  }
}
