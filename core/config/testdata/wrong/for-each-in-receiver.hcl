receiver {
  for_each = ["a"] # ERROR PB2102
}
