test "delivered" {
  given = "request.http" # ERROR PB2108
  expect { count = 1 }
}
