# One topic, some of its partitions, several topics, all topics of the group.
terraform import kafka_consumer_offset_reset.billing 'billing/orders'
terraform import kafka_consumer_offset_reset.billing 'billing/orders/0,2'
terraform import kafka_consumer_offset_reset.billing 'billing/orders,payments'
terraform import kafka_consumer_offset_reset.billing 'billing/*'
