test "delivered" {
  given = file("request.http")
  expect { sink = sink.sqlite.bas } # ERROR PB2105
}
