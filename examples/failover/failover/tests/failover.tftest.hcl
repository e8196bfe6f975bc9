# From one cluster to another. It needs two clusters, of which the secondary
# has the primary's topic orders as primary.orders, and the groups billing and
# search on the primary. The provider's own tests start such clusters.

variables {
  groups      = ["billing", "search"]
  run         = "test"
  failover    = "test"
  topic_names = { orders = "primary.orders" }
}

run "snapshot" {
  module {
    source = "../snapshot"
  }

  assert {
    condition     = length(output.snapshots) == 2
    error_message = "There are ${length(output.snapshots)} snapshots."
  }
}

run "failover" {
  variables {
    snapshots = run.snapshot.snapshots
  }

  assert {
    condition     = output.places.billing.matched == 3 && output.places.billing.unmatched == 0
    error_message = "billing came to ${jsonencode(output.places.billing)}."
  }
  assert {
    condition     = output.places.search.replayed_messages == 0
    error_message = "search came to ${jsonencode(output.places.search)}."
  }
}

# What stays in the configuration resets nothing again.
run "another_snapshot_is_no_new_failover" {
  command = plan

  variables {
    snapshots = { for group, snapshot in run.snapshot.snapshots : group => snapshot }
    unmatched = "error"
  }

  assert {
    condition     = output.places.billing.matched == 3
    error_message = "billing would be reset again."
  }
}
