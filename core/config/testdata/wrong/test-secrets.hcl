test "delivered" {
  given   = file("request.http")
  secrets = { auth_tokn = "hunter2" } # ERROR PB2102
  expect { count = 1 }
}
test "visible" {
  given = file("request.http")
  expect {
    event = { sender = secret("env:TWILIO_AUTH_TOKEN") } # ERROR PB2303
  }
}
