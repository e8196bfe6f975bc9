output "moved" {
  description = "What has been done: where each partition and queue was, and where it was put."
  value       = [for row in local.rows : "${row.key} on ${row.place}: ${coalesce(row.previous, "none")} to ${row.offset}"]
}

output "csv" {
  description = "The same for the brokers' own tools, in the form of the snapshot's csv. undo: where everything was; redo: where it was put."
  value = {
    for name, which in { undo = "previous", redo = "offset" } : name => {
      for key in distinct(local.rows[*].key) : key => join("", [for row in local.rows : "${row.place},${row[which]}\n" if row.key == key && row[which] != null])
    }
  }
}
