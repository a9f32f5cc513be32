sink "sqlite" "s" { # WARNING PB2116
  path = upper(["x"]) # ERROR PB2202
}
