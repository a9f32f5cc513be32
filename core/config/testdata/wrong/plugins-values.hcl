patchbay {
  plugins {
    acme  = { source = 7 }                                             # ERROR PB2108: a number
    brand = { source = "a.example/brand", source = "b.example/brand" } # ERROR PB2110: twice
    carol = { source = "a.example/carol", version = null }             # ERROR PB2108: nothing
    dave  = { source = var.none }                                      # ERROR PB2105: unknown variable
  }
}
