locals {
  from = ["source.twilio.base"]
}

pipeline "p" {
  from = local.from # ERROR PB2105
  to   = [sink.sqlite.base]
}
