pipeline "p" {
  from = [source.twilio.base]
  redact {
    drop = [
      "message_id",            # ERROR PB2151
      "recepient",             # ERROR PB2104
      "source_payload.a..b",   # ERROR PB2109
      "source_payload[x].b",   # ERROR PB2109
      "error_reason",
    ]
    mask = [
      "source_payload",        # ERROR PB2151
      "error_reason",          # ERROR PB2110
      "attributes.",           # ERROR PB2104
    ]
  }
  to   = [sink.sqlite.base]
}
