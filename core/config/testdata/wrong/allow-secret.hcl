receiver {
  allow = [secret("env:TWILIO_AUTH_TOKEN")] # ERROR PB2303
}
