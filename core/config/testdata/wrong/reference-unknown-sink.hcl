sink "kafka" "stream" {
  brokers = ["127.0.0.1:9092"]
  topic   = "t"
}

pipeline "p" {
  from = [source.twilio.base]
  to   = [sink.sqlite.base, sink.kafak.stream] # ERROR PB2105
}
