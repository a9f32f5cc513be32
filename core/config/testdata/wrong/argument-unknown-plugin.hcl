sink "kafka" "s" { # WARNING PB2116 ERROR PB2103
  broker = ["127.0.0.1:9092"] # ERROR PB2102
  topic  = "t"
}
