test "delivered" {
  given = file("request.http")
  expect {} # ERROR PB2601
}
