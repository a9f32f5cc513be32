# SendGrid's events into an SQLite database
#
# What to change is marked with CHANGE. Then:
#   patchbay validate     finds mistakes
#   patchbay run          starts it
#   patchbay trigger sendgrid delivered --private-key key.pem
#                         sends a test event, signed with a key of your own

receiver {
  # Providers reach this through a proxy or tunnel that terminates TLS.
  listen = "127.0.0.1:8080"

  # CHANGE: the address that providers call, once there is one.
  # public_url = "https://hooks.example.com"
}

admin {
  # For this machine alone: the command line, metrics, health.
  listen = "127.0.0.1:9090"
}

# SendGrid calls PUBLIC_URL/hooks/sendgrid/marketing. In its settings choose
# Mail Settings, Event Webhooks, and switch on the signature.
source "sendgrid" "marketing" {
  # CHANGE: put the verification key that SendGrid shows into the environment.
  public_key = secret("env:SENDGRID_PUBLIC_KEY")
}

# The views v_events, v_messages and v_journey are in this file.
sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "email" {
  from = [source.sendgrid.marketing]

  # SendGrid repeats what was not acknowledged for a day. Each event counts once.
  dedup { window = "168h" }

  # SendGrid's words become delivered, bounced, opened, clicked.
  normalize {}

  to = [sink.sqlite.facts]
}
