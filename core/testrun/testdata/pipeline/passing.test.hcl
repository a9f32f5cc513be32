test "everything that a delivered message has" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  now      = "2026-01-02T03:04:05Z"
  expect {
    sink  = sink.nowhere.facts
    count = 1
    event = {
      message_id      = "m1"
      channel         = "sms"
      event_type      = "delivered"
      delivery_status = "delivered"
      recipient       = "+447700900123"
      status_code     = null
      received_at     = "2026-01-02T04:04:05+01:00"
      attributes      = { tier = "gold", region = null }
    }
    when = event.payload != null || event.source == "acme.brand"
  }
  expect {
    sink  = sink.nowhere.problems
    count = 0
  }
}

test "a failed one goes to both sinks" {
  pipeline = pipeline.messaging
  given    = file("requests/failed.http")
  expect { sink = sink.nowhere.facts }
  expect {
    sink  = sink.nowhere.problems
    event = { attributes = { tier = null } }
  }
}

test "a queued one is filtered, a repeated one a duplicate" {
  pipeline = pipeline.messaging
  given    = [file("requests/queued.http"), file("requests/delivered.http"), file("requests/delivered.http")]
  expect { filtered = 1 }
  expect { duplicate = 1 }
  expect { count = 1 }
}

test "two sources have events of their own" {
  pipeline = pipeline.messaging
  given    = [file("requests/delivered.http"), file("requests/other.http")]
  expect { count = 2 }
  expect {
    when  = event.source == "acme.other"
    count = 1
  }
}

test "the clock of the test decides" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  now      = "2030-01-01T00:00:00Z"
  expect { filtered = 1 }
}

test "what cannot be understood is a dead letter" {
  pipeline = pipeline.messaging
  given    = [file("requests/malformed.http"), file("requests/ping.http"), file("requests/die.http")]
  expect { dead_letter = "malformed" }
  expect { dead_letter = "plugin_failed" }
  expect {
    dead_letter = "any"
    count       = 2
  }
  expect { ignored = 1 }
  expect { count = 0 }
}

test "an unknown word is kept" {
  pipeline = pipeline.messaging
  given    = file("requests/unmapped.http")
  expect { event = { event_type = "unmapped", provider_status = "teleported" } }
}

test "a signature that is right" {
  pipeline = pipeline.messaging
  source   = source.acme.brand
  given    = file("requests/delivered.http")
  secrets  = { secret = "a-secret-of-the-recording" }
  expect { count = 1 }
}

test "signatures that are wrong, or missing" {
  pipeline = pipeline.messaging
  source   = source.acme.brand
  given    = [file("requests/delivered.http"), file("requests/failed.http")]
  secrets  = { secret = "another-secret" }
  expect { refused = "bad_signature" }
  expect { refused = "missing_signature" }
  expect {
    refused = "any"
    count   = 2
  }
}

test "a method that is not served" {
  pipeline = pipeline.messaging
  given    = file("requests/get.http")
  expect { refused = "http_405" }
}

test "rows of its own" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  lookup "csv" "campaigns" {
    rows = { spring = { tier = "platinum" } }
  }
  expect { event = { attributes = { tier = "platinum" } } }
}

# The recording has its é in two characters, the expectation in one.
test "characters are compared composed" {
  pipeline = pipeline.messaging
  given    = file("requests/composed.http")
  lookup "csv" "campaigns" {
    rows = { "café" = { tier = "silver" } }
  }
  expect { event = { campaign_id = "café", attributes = { tier = "silver" } } }
}

# The first test has remembered the same event.
test "tests do not know of each other" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  expect { duplicate = 0 }
}

test "another secret that nothing is judged by" {
  pipeline     = pipeline.messaging
  source       = source.acme.brand
  given        = file("requests/failed.http")
  secrets      = { secret = "another-secret" }
  authenticate = false
  expect { count = 1 }
}

# With the tests' own key, so that it is the same everywhere.
test "tokens do not depend on a secret" {
  pipeline = pipeline.private
  given    = file("requests/delivered.http")
  expect { event = { recipient = "tok_4sw7_vqduvzsft3arjy7vqcctuvmh4y" } }
}
