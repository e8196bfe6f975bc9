variable "incident" {
  description = "The incident's number. Another one takes another snapshot."
  type        = string
}

variable "kafka_groups" {
  description = "The topics of each Kafka group to put back."
  type        = map(set(string))
  default     = {}
}

variable "rocketmq_groups" {
  description = "The topics of each RocketMQ group to put back."
  type        = map(set(string))
  default     = {}
}

variable "kafka_cluster_id" {
  description = "The id of the Kafka cluster. Any other is refused."
  type        = string
  default     = null
}
