# `patchbay test` runs these: no provider, no secret and no database is needed.

test "a delivered message is counted once" {
  pipeline = pipeline.sms
  given    = [file("testdata/twilio_delivered.http"), file("testdata/twilio_delivered.http")]

  expect {
    sink  = sink.sqlite.facts
    count = 1
    event = { event_type = "delivered", message_id = "SM0001" }
  }
  expect { duplicate = 1 }
}

test "a carrier's refusal keeps its code" {
  pipeline = pipeline.sms
  given    = file("testdata/twilio_undelivered.http")

  expect {
    sink  = sink.sqlite.facts
    event = { delivery_status = "bounced", status_code = "30003" }
  }
}

test "what has not left Twilio yet is not kept" {
  pipeline = pipeline.sms
  given    = file("testdata/twilio_queued.http")

  expect { filtered = 1 }
  expect { count = 0 }
}
