test "fields differ" {
  pipeline = pipeline.messaging
  given    = [file("requests/delivered.http"), file("requests/failed.http")]
  expect {
    sink = sink.nowhere.facts
    event = {
      message_id  = "m1"
      recipient   = "+447700900999"
      status_code = "30003"
    }
  }
}

test "it never got there" {
  pipeline = pipeline.messaging
  given    = [file("requests/queued.http"), file("requests/malformed.http"), file("requests/ping.http"), file("requests/get.http")]
  expect { sink = sink.nowhere.facts }
}

test "other sinks" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  expect { sink = sink.nowhere.problems }
}

test "too many" {
  pipeline = pipeline.messaging
  given    = file("requests/delivered.http")
  expect { count = 0 }
  expect { filtered = 1 }
  expect { when = event.event_type == "failed" }
}

test "another word" {
  pipeline = pipeline.messaging
  given    = [file("requests/malformed.http"), file("requests/get.http")]
  expect { dead_letter = "unauthenticated" }
  expect { refused = "bad_signature" }
}

test "a path that is nobody's" {
  pipeline = pipeline.messaging
  given    = file("requests/elsewhere.http")
  expect { count = 1 }
}

test "no recording" {
  pipeline = pipeline.messaging
  given    = file("requests/broken.http")
  expect { count = 1 }
}

test "the plugin parses nothing" {
  pipeline = pipeline.messaging
  given    = file("requests/die.http")
  expect { count = 1 }
}

test "the plugin refuses its secret" {
  pipeline = pipeline.messaging
  source   = source.acme.brand
  given    = file("requests/delivered.http")
  secrets  = { secret = "short" }
  expect { count = 1 }
}

test "secrets that are not there" {
  pipeline     = pipeline.messaging
  given        = file("requests/delivered.http")
  authenticate = true
  expect { count = 1 }
}
