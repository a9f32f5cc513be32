test "" { # ERROR PB2112
  given = file("request.http")
  expect { count = 1 }
}
test { # ERROR PB2112
  given = file("request.http")
  expect { count = 1 }
}
test "twice" {
  given = file("request.http")
  expect { count = 1 }
}
test "twice" { # ERROR PB2110
  given = file("request.http")
  expect { count = 1 }
}
