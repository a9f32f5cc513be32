test "delivered" {
  given    = file("request.http")
  pipline  = pipeline.base # ERROR PB2102
  expect {
    evnt = { channel = "sms" } # ERROR PB2102
    count = 1
  }
}
