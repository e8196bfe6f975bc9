# The runbook, stage by stage. It needs brokers whose topics have one message
# a minute in each partition from 13:00 on, so that 14:00 is the offset 60,
# and groups that are at 66, except for search, which had come to 40 on
# orders-2. The provider's own tests start such brokers.

variables {
  incident              = "INC-4711"
  stage                 = "canary"
  back_to               = "2026-03-01T14:00:00Z"
  max_replayed_messages = 100
  max_lag               = 1000

  kafka_groups = {
    billing  = ["orders", "payments"]
    invoices = ["orders"]
    search   = ["orders"]
  }
  rocketmq_groups = {
    loyalty  = ["orders"]
    shipping = ["orders"]
  }
  canary = {
    kafka    = { group = "search", topic = "orders", partition = 0 }
    rocketmq = { group = "loyalty", topic = "orders", broker = "broker-a", queue = 0 }
  }
}

run "snapshot" {
  module {
    source = "../snapshot"
  }

  assert {
    condition     = output.snapshot.kafka.groups.billing.offsets.orders["0"] == 66
    error_message = "The snapshot has ${jsonencode(output.snapshot.kafka.groups.billing)}."
  }
  assert {
    condition     = output.csv.search == "orders,0,66\norders,1,66\norders,2,40\n"
    error_message = "The lines for kafka-consumer-groups are ${output.csv.search}"
  }
  assert {
    condition     = jsondecode(output.tfvars).snapshot.incident == "INC-4711"
    error_message = "The file of variables is ${output.tfvars}"
  }
}

run "refuses_to_replay_too_much" {
  command = plan

  variables {
    snapshot              = run.snapshot.snapshot
    max_replayed_messages = 23 # billing is 6 ahead of 14:00 on each of its 4 partitions
  }

  expect_failures = [terraform_data.stopped]
}

run "refuses_a_lag_that_takes_too_long" {
  command = plan

  variables {
    snapshot = run.snapshot.snapshot
    max_lag  = 239 # from 14:00 on there are 60 messages in each of 4 partitions
  }

  expect_failures = [terraform_data.stopped]
}

run "refuses_the_snapshot_of_another_incident" {
  command = plan

  variables {
    snapshot = run.snapshot.snapshot
    incident = "INC-4712"
  }

  expect_failures = [terraform_data.stopped]
}

run "refuses_a_time_without_zone" {
  command = plan

  variables {
    snapshot = run.snapshot.snapshot
    back_to  = "2026-03-01 14:00:00"
  }

  expect_failures = [var.back_to]
}

run "canary" {
  variables {
    snapshot = run.snapshot.snapshot
    stage    = "canary"
  }

  assert {
    condition     = tolist(output.moved) == tolist(["search on orders,0: 66 to 60", "loyalty/orders on broker-a,0: 66 to 60"])
    error_message = "The canary moved ${jsonencode(output.moved)}."
  }
  assert {
    condition     = length(module.rest.rows) + length(terraform_data.started) == 0
    error_message = "The canary went further than it should."
  }
}

run "all" {
  variables {
    snapshot = run.snapshot.snapshot
    stage    = "all"
  }

  assert {
    condition     = output.csv.redo.search == "orders,0,60\norders,1,60\norders,2,40\n"
    error_message = "search was put at ${output.csv.redo.search}; where it was behind 14:00 it has to stay."
  }
  assert {
    condition     = output.csv.undo.search == "orders,0,66\norders,1,66\norders,2,40\n"
    error_message = "search was at ${output.csv.undo.search}"
  }
  assert {
    condition     = output.csv.undo["loyalty/orders"] == output.csv.undo["shipping/orders"] && output.csv.undo["loyalty/orders"] == "broker-a,0,66\nbroker-a,1,66\n"
    error_message = "The RocketMQ groups were at ${jsonencode(output.csv.undo)}"
  }
  assert {
    condition     = sum([for row in module.rest.rows : -row.moved if row.key == "billing"]) == 24
    error_message = "billing replays ${sum([for row in module.rest.rows : -row.moved if row.key == "billing"])} messages."
  }
  assert {
    condition     = sum([for row in module.rest.rows : -row.moved if row.key == "shipping/orders"]) == 12
    error_message = "shipping replays ${sum([for row in module.rest.rows : -row.moved if row.key == "shipping/orders"])} messages."
  }
}

run "start" {
  variables {
    snapshot = run.snapshot.snapshot
    stage    = "start"
  }

  assert {
    condition     = length(terraform_data.started) == 1
    error_message = "The consumers were not started."
  }
  assert {
    condition     = sum([for row in module.rest.rows : -row.moved if row.key == "billing"]) == 24
    error_message = "Starting has put billing back once more."
  }
}

# In the end everything is destroyed, which puts the offsets back to 66.
