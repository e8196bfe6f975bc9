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

variable "kafka_bootstrap_servers" {
  description = "Default: KAFKA_BOOTSTRAP_SERVERS, and then the credentials come from the environment too."
  type        = list(string)
  default     = null
}

variable "rocketmq_name_servers" {
  description = "Default: NAMESRV_ADDR, and then the credentials come from the environment too."
  type        = list(string)
  default     = null
}
