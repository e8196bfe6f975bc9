incident = "INC-4711"
back_to  = "2026-03-01T14:00:00Z"

max_replayed_messages = 100000
max_lag               = 500000

canary = {
  kafka    = { group = "search", topic = "orders", partition = 0 }
  rocketmq = { group = "loyalty", topic = "orders", broker = "broker-a", queue = 0 }
}

stop_command  = "./consumers.sh stop"
start_command = "./consumers.sh start"
