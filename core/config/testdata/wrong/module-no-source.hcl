module "m" { # ERROR PB2103
}
