patchbay {
  plugins {
    acme = { source = "acme.example/acme", vesion = "1.0" } # ERROR PB2102: misspelt
    other {                                                 # ERROR PB2101: a block
    }
  }
}
