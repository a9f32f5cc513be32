variable "n" {
  type = number
}

sink "kafka" "s" { # WARNING PB2116
  brokers    = ["a:1"]
  topic      = "t"
  partitions = var.n
}
