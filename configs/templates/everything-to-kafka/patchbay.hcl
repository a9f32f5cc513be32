# Twilio's and SendGrid's events into one Kafka topic, failures into another
#
# What to change is marked with CHANGE. Then:
#   patchbay validate     finds mistakes
#   patchbay run          starts it
#   patchbay status       says whether Kafka is reached, and what waits

# CHANGE: the brokers, here or as PATCHBAY_VAR_brokers='["kafka-1:9092"]'.
variable "brokers" {
  type    = list(string)
  default = ["127.0.0.1:9092"]
}

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

# Twilio calls PUBLIC_URL/hooks/twilio/support.
source "twilio" "support" {
  # CHANGE: put the account's auth token into the environment.
  auth_token = secret("env:TWILIO_AUTH_TOKEN")
}

# SendGrid calls PUBLIC_URL/hooks/sendgrid/marketing.
source "sendgrid" "marketing" {
  # CHANGE: put the verification key that SendGrid shows into the environment.
  public_key = secret("env:SENDGRID_PUBLIC_KEY")
}

# After a lost answer Kafka may get an event twice: count distinct event_id.
sink "kafka" "events" {
  brokers = var.brokers
  topic   = "messaging.events"
}

# patchbay:ignore PB2503 alerts may come twice
sink "kafka" "problems" {
  brokers = var.brokers
  topic   = "messaging.problems"
}

pipeline "messaging" {
  from = [source.twilio.support, source.sendgrid.marketing]

  # Each fact counts once, however often a provider sends it.
  dedup { window = "168h" }

  # Every provider's words become the same words.
  normalize {}

  # CHANGE: what somebody should look at.
  route "problems" {
    when = contains(["failed", "bounced"], event.delivery_status)
    to   = [sink.kafka.problems]
  }

  to = [sink.kafka.events]
}
