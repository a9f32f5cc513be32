locals {
  region = "eu"
}

sink "sqlite" "s" { # WARNING PB2116
  path = "${local.regoin}.db" # ERROR PB2105
}
