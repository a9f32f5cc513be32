test "delivered" {
  given = file("request.http")
  now   = "yesterday" # ERROR PB2109
  expect {
    event = {
      recipient       = "" # ERROR PB2205
      sender          = ["+1"] # ERROR PB2108
      event_timestamp = "noon" # ERROR PB2109
      "recipient"     = "+1" # the first of the name is wrong, so this is the first
      "recipient"     = "+2" # ERROR PB2110
    }
  }
}
