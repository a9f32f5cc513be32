test "delivered" {
  pipeline = pipeline.bse # ERROR PB2105
  given    = file("request.http")
  expect { count = 1 }
}
