receiver {
  public_url = secret("env:SENDGRID_KEY") # ERROR PB2303
}
