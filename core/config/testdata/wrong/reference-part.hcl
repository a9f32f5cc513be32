locals {
  path = source.twilio.base.path # ERROR PB2105
}

sink "sqlite" "s" { # WARNING PB2116
  path = local.path
}
