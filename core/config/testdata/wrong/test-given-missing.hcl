test "delivered" {
  given = file("recorded.http") # ERROR PB2119
  expect { count = 1 }
}
