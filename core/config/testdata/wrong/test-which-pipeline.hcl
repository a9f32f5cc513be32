pipeline "second" {
  from = [source.twilio.base]
  to   = [sink.sqlite.base]
}
test "delivered" { # ERROR PB2103
  given = file("request.http")
  expect { count = 1 }
}
