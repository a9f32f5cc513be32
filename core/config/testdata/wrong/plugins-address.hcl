patchbay {
  plugins {
    acme = { source = "acme.example/../acme" } # ERROR PB2109: not an address
  }
}
