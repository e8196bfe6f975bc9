provider "offsets" {
  kafka = {
    bootstrap_servers = ["kafka-1.example.com:9094"]

    tls = {}
    sasl = {
      mechanism             = "GSSAPI"
      username              = "operations"
      kerberos_realm        = "EXAMPLE.COM"
      kerberos_keytab       = "/etc/security/operations.keytab"
      kerberos_service_name = "kafka"
    }
  }
}
