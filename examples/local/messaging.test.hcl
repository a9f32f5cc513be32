# What the pipeline makes of requests that were recorded: `patchbay test` runs
# these without a provider, a sink or a secret.

test "a delivered message is counted once" {
  given = [file("testdata/twilio_delivered.http"), file("testdata/twilio_delivered.http")]

  expect {
    sink  = sink.sqlite.facts
    count = 1
    event = {
      channel         = "sms"
      event_type      = "delivered"
      delivery_status = "delivered"
      message_id      = "SM0001"
      campaign_id     = "spring"
      error_reason    = null
    }
  }
  expect {
    duplicate = 1
  }
}

test "a carrier's refusal keeps its code" {
  given = file("testdata/twilio_undelivered.http")

  expect {
    event = {
      delivery_status = "bounced"
      provider_status = "undelivered"
      status_code     = "30003"
    }
  }
}

test "a delivered email" {
  given = file("testdata/sendgrid_delivered.http")

  expect {
    sink = sink.sqlite.facts
    event = {
      channel    = "email"
      event_type = "delivered"
    }
  }
}

# The recording was signed with the token below, which nobody else uses.
test "a signature that is right lets a request in" {
  source  = source.twilio.support
  given   = file("testdata/twilio_delivered.http")
  secrets = { auth_token = "0f1e2d3c4b5a69788796a5b4c3d2e1f0" }

  expect {
    count = 1
  }
}

test "a signature that is wrong does not" {
  source  = source.twilio.support
  given   = file("testdata/twilio_delivered.http")
  secrets = { auth_token = "another-token-than-it-was-signed-with" }

  expect {
    refused = "bad_signature"
  }
  expect {
    count = 0
  }
}
