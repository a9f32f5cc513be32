patchbay {
  required_version = ">= 0.1, < 0.1.0" # ERROR PB2121
}
