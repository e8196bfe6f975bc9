terraform import rocketmq_consumer_offset_reset.billing 'billing/orders'
