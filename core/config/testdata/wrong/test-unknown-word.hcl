test "delivered" {
  given = file("request.http")
  expect {
    event = { delivery_status = "deliverd" } # ERROR PB2107
  }
}
