patchbay {
  plugins {
    acme = { source = "acme.example/twilio" } # ERROR PB2109: another name
  }
}
