pipeline "a" "b" { # ERROR PB2112
}
