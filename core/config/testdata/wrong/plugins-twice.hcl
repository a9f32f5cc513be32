patchbay {
  plugins "x" { # ERROR PB2112: a label
  }
  plugins { # ERROR PB2110: twice
  }
}
