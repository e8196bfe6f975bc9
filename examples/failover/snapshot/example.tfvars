primary = ["kafka-1.example.com:9092"]
groups  = ["billing", "search"]
