variable "secret_key" {
  type      = string
  sensitive = true
}

provider "offsets" {
  rocketmq = {
    name_servers = ["rocketmq-1.example.com:9876"]
    access_key   = "operations"
    secret_key   = var.secret_key

    tls = {
      ca_cert = "ca.pem"
    }
  }
}
