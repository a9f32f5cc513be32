# `patchbay test` runs these: no provider, no secret and no database is needed.

test "a delivered message is counted once" {
  pipeline = pipeline.email
  given    = [file("testdata/sendgrid_delivered.http"), file("testdata/sendgrid_delivered.http")]

  expect {
    sink  = sink.sqlite.facts
    count = 1
    event = { channel = "email", event_type = "delivered" }
  }
  expect { duplicate = 1 }
}
