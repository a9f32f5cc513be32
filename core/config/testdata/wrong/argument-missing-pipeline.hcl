pipeline "p" { # ERROR PB2103 ERROR PB2103
}
