provider "offsets" {
  kafka = {
    bootstrap_servers = ["b-1.orders.abc123.c2.kafka.eu-central-1.amazonaws.com:9098"]

    tls = {}
    sasl = {
      mechanism    = "AWS_MSK_IAM"
      aws_region   = "eu-central-1"
      aws_role_arn = "arn:aws:iam::123456789012:role/offset-resets" # leave it out to use the credentials as they are
    }
  }
}
