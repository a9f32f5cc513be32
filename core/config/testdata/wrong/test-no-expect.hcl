test "delivered" { # ERROR PB2601
  given = file("request.http")
}
