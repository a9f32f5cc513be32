"""The webhooks of Acme, read by Python."""

from patchbay_plugin import Argument, Reject, Source, event, hmac, serve

TYPES = {"sent": "sent", "delivered": "delivered", "undelivered": "failed", "inbound": "replied"}


class Acme(Source):
    name, version, channel, summary = "acme_python", "0.1.0", "sms", "Acme SMS webhooks, read by Python."
    signing_secret = Argument("Signing secret from the Acme dashboard.", required=True, sensitive=True)

    def configure(self, config):
        return hmac("X-Acme-Signature", config["signing_secret"], time="{header.X-Acme-Time}", max_age=300,
                    signed="{header.X-Acme-Time}.{body}")

    def parse(self, request):
        hook = request.json()
        if not isinstance(hook, dict) or not hook.get("ID"):
            raise Reject("malformed", "no JSON object with an ID")
        yield event(provider_id=hook["ID"], message_id=hook["Message"], campaign_id=hook.get("Campaign"),
                    event_type=TYPES.get(hook["Status"], "unmapped"), provider_status=hook["Status"],
                    event_timestamp=hook.get("At"), recipient=hook.get("To"), status_code=hook.get("Code"),
                    error_reason=hook.get("Reason"))


if __name__ == "__main__":
    serve(Acme())
