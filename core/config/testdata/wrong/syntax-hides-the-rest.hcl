receiver {
  listen : "x" # ERROR PB2005
}

pipeline "p" {
  from = [source.no.thing]
}
