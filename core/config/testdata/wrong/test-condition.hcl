test "delivered" {
  given = file("request.http")
  expect { when = event.chanel == "sms" } # ERROR PB2104
}
