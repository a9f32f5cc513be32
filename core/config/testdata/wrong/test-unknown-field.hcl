test "delivered" {
  given = file("request.http")
  expect {
    event = {
      delivery_state = "failed" # ERROR PB2104
      channel        = "sms"
    }
  }
}
