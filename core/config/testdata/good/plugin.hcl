sink "kafka" "s" {
  brokers    = var.given_brokers
  topic      = "t-${var.given_text}"
  acks       = "one"
  compress   = true
  partitions = 12
  ratio      = 0.25
  linger     = "1m"
  password   = "Bearer ${secret("env:SENDGRID_KEY")}"
  headers = {
    a   = "1"
    "b" = secret("env:TWILIO_AUTH_TOKEN")
  }

  tls {
    ca_file = "ca.pem"
  }
  mapping {
    from = "a"
    to   = "b"
  }
  mapping {
    from = "c"
    to   = "d"
  }
  batch {
    max_events = 100
    max_bytes  = "256KiB"
    max_wait   = "50ms"
  }
}

variable "given_brokers" {
  type = list(string)
}

variable "given_text" {
  type = string
}

pipeline "p" {
  from = [source.twilio.base]
  to   = [sink.kafka.s]
}
