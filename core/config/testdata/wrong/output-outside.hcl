output "a" { # ERROR PB2101
  value = 1
}
