pipeline "p" {
  from = [source.twilio.base]
  redact {
    drop = [] # ERROR PB2103
    mask = "recipient" # ERROR PB2108
    sha  = ["x"] # ERROR PB2102
  }
  to   = [sink.sqlite.base]
}
