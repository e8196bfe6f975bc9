incident         = "INC-4711"
kafka_cluster_id = "MkU3OEVBNTcwNTJENDM2Qg"

kafka_groups = {
  billing  = ["orders", "payments"]
  invoices = ["orders"]
  search   = ["orders"]
}

rocketmq_groups = {
  loyalty  = ["orders"]
  shipping = ["orders"]
}
