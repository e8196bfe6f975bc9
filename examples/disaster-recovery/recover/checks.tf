# Where everything is after it was put back, compared with the records of the
# resets. Consumers that run move on, but not back.

locals {
  rows   = concat(module.canary.rows, module.rest.rows)
  strays = concat(module.canary.strays, module.rest.strays)
  behind = [for row in local.rows : "${row.key} on ${row.place} was put at ${row.offset} and is at ${row.now}" if row.now < row.offset]
  cut    = [for row in local.rows : "${row.key} on ${row.place}" if local.time != null && row.start > 0 && row.offset <= row.start]
}

# While the rest is still to be put back, nothing is known of all offsets.
check "canary" {
  assert {
    condition     = local.started || length(module.canary.strays) == 0
    error_message = "Something has moved the canary: ${join("; ", module.canary.strays)}."
  }
}

check "offsets" {
  assert {
    condition     = length(local.started ? local.behind : local.strays) == 0
    error_message = "Something has moved the offsets: ${join("; ", local.started ? local.behind : local.strays)}."
  }
}

check "messages" {
  assert {
    condition     = length(local.cut) == 0
    error_message = "The log begins where these were put, so that earlier messages may have been deleted: ${join("; ", local.cut)}."
  }
}
