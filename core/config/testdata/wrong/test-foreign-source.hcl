source "sendgrid" "other" { # WARNING PB2116
  public_key = secret("env:SENDGRID_KEY")
}
sink "sqlite" "other" { # WARNING PB2116
  path = "other.db"
}
test "delivered" {
  pipeline = pipeline.base
  source   = source.sendgrid.other # ERROR PB2109
  given    = file("request.http")
  expect { sink = sink.sqlite.other } # ERROR PB2109
}
