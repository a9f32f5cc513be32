patchbay {
  plugins {
    acme = { version = "~> 1.0" } # ERROR PB2103: where from
  }
}
