variable "incident" {
  description = "The incident's number. It has to be that of the snapshot."
  type        = string
}

variable "back_to" {
  description = "An RFC 3339 time with its zone, from which on everything is consumed again; or \"snapshot\": where the groups were when the snapshot was taken."
  type        = string

  validation {
    condition     = var.back_to == "snapshot" || can(timecmp(var.back_to, var.back_to))
    error_message = "Say a time such as 2026-03-01T14:00:00Z, or \"snapshot\"."
  }
}

variable "stage" {
  description = "How far to go: canary, all, start or closed, as the README says. Each includes those before it; an earlier one undoes the later ones."
  type        = string

  validation {
    condition     = contains(["canary", "all", "start", "closed"], var.stage)
    error_message = "The stages are canary (one partition and one queue are put back), all, start (the consumers are started) and closed (a destroy only forgets)."
  }
}

variable "snapshot" {
  description = "The output of the same name of ../snapshot, which makes its form."
  type        = any
}

variable "recovery" {
  description = "The recovery that is in place. Nobody has to say it: the apply that begins one writes it into recovery.auto.tfvars.json, and a destroy takes it away."
  type        = object({ incident = string, back_to = string })
  default     = null
}

variable "canary" {
  description = "What is put back first: a partition of a Kafka group, and a queue of a RocketMQ group."
  type = object({
    kafka    = optional(object({ group = string, topic = string, partition = number }))
    rocketmq = optional(object({ group = string, topic = string, broker = string, queue = number }))
  })
}

variable "max_replayed_messages" {
  description = "The most messages that a group may consume again, on each topic with RocketMQ."
  type        = number
}

variable "max_lag" {
  description = "The most messages that a group may have before it when it is started: what it has not consumed yet, and what it will consume again."
  type        = number
}

variable "stop_command" {
  description = "Stops the consumers and returns when they have stopped; they may have stopped already. It sees INCIDENT, KAFKA_GROUPS and ROCKETMQ_GROUPS."
  type        = string
  default     = "echo Stop the consumers by hand now."
}

variable "start_command" {
  description = "Starts the consumers. It sees the same."
  type        = string
  default     = "echo Start the consumers by hand now."
}
