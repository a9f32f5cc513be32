# patchbay on one machine, for trying it out: `make run` starts this file.
#
# Then, in a second terminal:
#
#   bin/patchbay trigger twilio delivered --dir examples/local
#       sends one signed status callback, as Twilio would, and says its id
#   bin/patchbay explain SM... --dir examples/local
#       tells what became of the message with that id
#   bin/patchbay status --dir examples/local
#       tells how everything is, and what waits where
#
# What arrives is in examples/local/events.db: look at the views v_events,
# v_messages and v_journey with any SQLite reader. The journal is in
# examples/local/data. Remove both to begin anew.

# A token for development: whoever reads this file can sign with it, and patchbay
# warns of that at every start. Real ones come from outside, and then this line
# says secret("env:TWILIO_AUTH_TOKEN") and there is no default. Until then:
#   PATCHBAY_VAR_twilio_auth_token=... make run
variable "twilio_auth_token" {
  type      = string
  sensitive = true
  default   = "local-development-only"
}

# SendGrid signs with a private key that it keeps to itself, and shows the public
# half, which is no secret. The private half of this one was thrown away: nobody
# can sign with it. To send events by hand, make a pair of your own:
#   openssl ecparam -name prime256v1 -genkey -noout -out examples/local/key.pem
#   export PATCHBAY_VAR_sendgrid_public_key=$(openssl ec -in examples/local/key.pem -pubout -outform DER | base64 | tr -d '\n')
#   make run
#   bin/patchbay trigger sendgrid delivered --dir examples/local --private-key examples/local/key.pem
variable "sendgrid_public_key" {
  type    = string
  default = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+E9U7wSqvH/1iCuTG3yRz4NTSB3eBaOinhc7xJLY1srOtd4PLaV156UduU3TzcEMmHNpXLY296uSW5k1lO7agA=="
}

receiver {
  listen = "127.0.0.1:8080"
  # public_url = "https://hooks.example.com" # once providers reach it from outside
}

admin {
  listen = "127.0.0.1:9090" # /metrics, /readyz, and what the command line asks
}

# Twilio calls http://127.0.0.1:8080/hooks/twilio/support
source "twilio" "support" {
  auth_token = var.twilio_auth_token
}

# SendGrid calls http://127.0.0.1:8080/hooks/sendgrid/marketing
source "sendgrid" "marketing" {
  public_key = var.sendgrid_public_key
}

sink "sqlite" "facts" {
  path = "events.db"
}

pipeline "messaging" {
  from = [source.twilio.support, source.sendgrid.marketing]

  # The same fact is counted once, however often a provider sends it.
  dedup {
    window = "168h"
  }

  # Every provider's words become the same words: delivered, bounced, clicked.
  normalize {}

  to = [sink.sqlite.facts]
}
