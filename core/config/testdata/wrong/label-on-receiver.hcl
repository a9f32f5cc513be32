receiver "main" { # ERROR PB2112
}
