sink "kafka" "s" { # WARNING PB2116
  brokers = ["127.0.0.1:9092"]
  topic   = "t"

  dynamic "mapping" {
    for_each = secret("env:SENDGRID_KEY") == "x" ? ["a"] : [] # ERROR PB2303
    content {
      from = "a"
      to   = "b"
    }
  }
}
