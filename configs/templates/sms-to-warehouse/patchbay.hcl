# Twilio's status callbacks and replies into an SQLite database
#
# What to change is marked with CHANGE. Then:
#   patchbay validate     finds mistakes
#   patchbay run          starts it
#   patchbay trigger twilio delivered
#                         sends a test event, signed like Twilio's

receiver {
  # Providers reach this through a proxy or tunnel that terminates TLS.
  listen = "127.0.0.1:8080"

  # CHANGE: Twilio signs the URL that it calls. Without this line only requests
  # to http://127.0.0.1:8080 itself are let in, such as those of trigger.
  # public_url = "https://hooks.example.com"
}

admin {
  # For this machine alone: the command line, metrics, health.
  listen = "127.0.0.1:9090"
}

# Use PUBLIC_URL/hooks/twilio/support as StatusCallback of your messages, and as
# the webhook of your number for what people answer.
source "twilio" "support" {
  # CHANGE: put the account's auth token into the environment.
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}

# The views v_events, v_messages and v_journey are in this file.
sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "sms" {
  from = [source.twilio.support]

  # Each fact counts once, however often Twilio sends it.
  dedup { window = "168h" }

  # Twilio's words become sent, delivered, failed, replied.
  normalize {}

  # CHANGE: remove this stage to keep messages that have not left Twilio yet.
  filter { when = event.event_type != "queued" }

  to = [sink.sqlite.facts]
}
