test "delivered" { # ERROR PB2103
  expect { count = 1 }
}
