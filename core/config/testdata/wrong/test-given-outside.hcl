test "delivered" {
  given = [file("../request.http")] # ERROR PB2119
  expect { count = 1 }
}
