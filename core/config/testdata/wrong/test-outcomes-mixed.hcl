test "delivered" {
  given = file("request.http")
  expect {
    filtered  = 1
    duplicate = 1 # ERROR PB2109
    event     = { channel = "sms" } # ERROR PB2109
    count     = 2 # ERROR PB2109
  }
  expect { dead_letter = "" } # ERROR PB2109
}
