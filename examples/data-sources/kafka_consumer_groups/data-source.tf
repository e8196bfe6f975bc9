data "kafka_consumer_groups" "billing" {
  provider = offsets

  name_regex = "^billing"
}

output "members" {
  value = {
    for group, g in jsondecode(data.kafka_consumer_groups.billing.record) : group => "${g.state}, ${coalesce(g.members, 0)} members"
  }
}
