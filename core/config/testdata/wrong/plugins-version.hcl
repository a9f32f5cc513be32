patchbay {
  plugins {
    acme = { source = "acme.example/acme", version = "about 1" } # ERROR PB2109: no constraint
  }
}
