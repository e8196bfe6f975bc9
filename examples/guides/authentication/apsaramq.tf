variable "secret_key" {
  type      = string
  sensitive = true
}

provider "offsets" {
  apsaramq = {
    region     = "cn-hangzhou"
    access_key = "LTAI5tExampleKeyId"
    secret_key = var.secret_key
  }
}
