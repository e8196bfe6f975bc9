variable "secret_key" {
  type      = string
  sensitive = true
}

provider "offsets" {
  roma_connect = {
    region     = "cn-north-4"
    project_id = "0d8c1a2b3c4d5e6f70819203a4b5c6d7"
    access_key = "HST3EXAMPLEACCESSKEY"
    secret_key = var.secret_key
  }
}
