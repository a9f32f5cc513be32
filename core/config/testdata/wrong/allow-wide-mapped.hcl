receiver {
  allow = ["::ffff:0.0.0.0/90"] # ERROR PB2109
}
