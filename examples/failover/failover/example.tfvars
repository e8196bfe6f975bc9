secondary   = ["kafka-1.dr.example.com:9092"]
failover    = "2026-03-01"
topic_names = { orders = "primary.orders" } # as MirrorMaker names it by default
