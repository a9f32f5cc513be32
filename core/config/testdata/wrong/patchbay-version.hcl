patchbay {
  required_version = "latest" # ERROR PB2109
  data_dir         = "" # ERROR PB2109
}
