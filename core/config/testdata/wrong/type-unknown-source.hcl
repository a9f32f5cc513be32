source "twillio" "s" { # ERROR PB2106 WARNING PB2116
  whatever = 1
}
