sink "sqlite" "many" {
  for_each = [secret("env:SENDGRID_KEY")] # ERROR PB2132
  path     = "x.db"
}
