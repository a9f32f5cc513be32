lookup "csv" "campaigns" { # WARNING PB2116
  file = "campaigns.csv"
}
test "delivered" {
  given = file("request.http")
  lookup "csv" "campains" { # ERROR PB2105
    rows = { a = { tier = "gold" } }
  }
  expect { count = 1 }
}
test "columns" {
  given = file("request.http")
  lookup "csv" "campaigns" {
    rows = { a = { teir = "gold" } } # ERROR PB2105
  }
  expect { count = 1 }
}
test "no rows" {
  given = file("request.http")
  lookup "csv" "campaigns" {} # ERROR PB2103
  expect { count = 1 }
}
