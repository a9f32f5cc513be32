patchbay {
  plugins {
    acme = "acme.example/acme" # ERROR PB2108: not an object
  }
}
