# Stops consumers, puts their groups back, checks, and starts them again. The
# stages and the way back are described in the README beside it.

terraform {
  required_version = ">= 1.11"

  required_providers {
    offsets = {
      source = "terraform-offsets/offsets"
    }
  }
}

# Addresses and credentials come from the environment.
provider "offsets" {
  kafka = { cluster_id = var.snapshot.kafka.cluster_id } # any other cluster is refused
}

locals {
  everything = var.stage != "canary"
  started    = contains(["start", "closed"], var.stage)

  # Offsets are reset when the incident or the time changes, and never because
  # a data source or the arguments say something else. To a time, nothing may be
  # skipped; to the snapshot, what has been consumed again may be. Going back to
  # the snapshot is an undo itself: a destroy must not lead from there to the
  # replay again.
  rules = {
    max_replayed_messages = var.max_replayed_messages
    max_skipped_messages  = local.time == null ? var.max_replayed_messages : 0
    triggers              = { incident = var.incident, back_to = var.back_to }
    on_destroy            = var.stage == "closed" || local.time == null ? "keep" : "restore"
  }

  hooks = {
    INCIDENT        = var.incident
    KAFKA_GROUPS    = join(" ", keys(local.kept.kafka))
    ROCKETMQ_GROUPS = join(" ", distinct([for key in keys(local.kept.rocketmq) : split("/", key)[0]]))
  }
}

# Nothing is done, not even a consumer stopped, unless these hold. They speak
# of the snapshot, not of what the groups do now: they must not get in the way
# of the later stages.
resource "terraform_data" "stopped" {
  triggers_replace = local.rules.triggers

  lifecycle {
    precondition { # Who starts consumers, or closes, does not mean to move offsets once more.
      condition     = !local.started || try(var.recovery.incident == var.incident && var.recovery.back_to == var.back_to, var.recovery == null)
      error_message = "The recovery in place is of ${try(var.recovery.incident, "")}, back to ${try(var.recovery.back_to, "")}, and this says ${var.incident}, back to ${var.back_to}. The stages start and closed only go on with what is in place: say incident and back_to as in the last apply. To put the groups somewhere else, begin with the stage canary or all."
    }
    precondition {
      condition     = var.snapshot.incident == var.incident
      error_message = "The snapshot is of ${var.snapshot.incident} and not of ${var.incident}."
    }
    precondition {
      condition     = local.time == null || try(timecmp(local.time, var.snapshot.taken_at) <= 0, false)
      error_message = "The snapshot was taken at ${var.snapshot.taken_at}, and ${var.back_to} is later."
    }
    precondition {
      condition     = alltrue([for replayed in values(local.replayed) : replayed <= var.max_replayed_messages])
      error_message = "This would have more than ${var.max_replayed_messages} messages consumed again: ${jsonencode(local.replayed)}."
    }
    precondition {
      condition     = alltrue([for lag in values(local.lag) : lag <= var.max_lag])
      error_message = "A group would have more than ${var.max_lag} messages before it: ${jsonencode(local.lag)}."
    }
    precondition { # Kafka's is compared by the provider.
      condition     = alltrue([for then in local.then.rocketmq : then.cluster_id == var.snapshot.rocketmq.cluster_id])
      error_message = "This is not the RocketMQ cluster of the snapshot, ${coalesce(var.snapshot.rocketmq.cluster_id, "unknown")}."
    }
  }

  provisioner "local-exec" {
    command     = var.stop_command
    environment = local.hooks
  }

  # What the next plan compares with: it cannot see what this one was told.
  provisioner "local-exec" {
    command     = "printf %s \"$RECOVERY\" > recovery.auto.tfvars.json"
    environment = { RECOVERY = jsonencode({ recovery = local.rules.triggers }) }
  }

  provisioner "local-exec" {
    when    = destroy
    command = "rm -f recovery.auto.tfvars.json"
  }
}

module "canary" {
  source     = "./stage"
  depends_on = [terraform_data.stopped]

  offsets = local.parts.canary
  rules   = local.rules
}

# The rest waits until the canary has been seen where it was put. A provisioner
# looks once, when this is created; a precondition would look at every plan,
# also when consumers have long moved on.
resource "terraform_data" "canary_held" {
  count = local.everything ? 1 : 0

  triggers_replace = local.rules.triggers

  provisioner "local-exec" {
    command     = length(module.canary.strays) == 0 ? "echo The canary is where it was put." : "echo $STRAYS; exit 1"
    environment = { STRAYS = join("; ", module.canary.strays) }
  }
}

module "rest" {
  source     = "./stage"
  depends_on = [terraform_data.canary_held]

  offsets = local.everything ? local.parts.rest : {}
  rules   = local.rules
}

# Destroying it stops the consumers again, as a restore needs it.
resource "terraform_data" "started" {
  count      = local.started ? 1 : 0
  depends_on = [module.rest]

  triggers_replace = local.rules.triggers
  input = {
    stop_command = var.stage == "closed" ? "echo The incident is closed." : var.stop_command
    hooks        = local.hooks
  }

  provisioner "local-exec" {
    command     = length(local.strays) == 0 ? "echo All offsets are where they were put." : "echo $STRAYS; exit 1"
    environment = { STRAYS = join("; ", local.strays) }
  }

  provisioner "local-exec" {
    command     = var.start_command
    environment = local.hooks
  }

  provisioner "local-exec" {
    when        = destroy
    command     = self.input.stop_command
    environment = self.input.hooks
  }
}
