# `patchbay test` runs these: no provider, no secret and no broker is needed.

test "delivered messages of both providers reach the topic" {
  pipeline = pipeline.messaging
  given    = [file("testdata/twilio_delivered.http"), file("testdata/sendgrid_delivered.http")]

  expect {
    sink  = sink.kafka.events
    count = 2
    event = { event_type = "delivered" }
  }
  expect {
    sink  = sink.kafka.problems
    count = 0
  }
}

test "a carrier's refusal is a problem too" {
  pipeline = pipeline.messaging
  given    = file("testdata/twilio_undelivered.http")

  expect { sink = sink.kafka.events }
  expect {
    sink  = sink.kafka.problems
    event = { delivery_status = "bounced", status_code = "30003" }
  }
}
