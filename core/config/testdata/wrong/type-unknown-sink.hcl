sink "postgres" "s" { # ERROR PB2106 WARNING PB2116
}
