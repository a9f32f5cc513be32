pipeline "p" {
  from = { a = 1 } # ERROR PB2105
  to   = [] # ERROR PB2103
}
