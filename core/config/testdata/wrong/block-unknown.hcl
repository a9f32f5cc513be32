pipelin "p" { # ERROR PB2101
}
