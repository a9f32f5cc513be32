test "delivered" {
  pipeline = "base" # ERROR PB2105
  given    = file("request.http")
  expect { count = 1 }
}
