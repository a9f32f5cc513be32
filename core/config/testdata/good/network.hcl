receiver {
  tls {
    cert_file      = "good.pem"
    key_file       = "good.key"
    client_ca_file = "ca.pem"
    min_version    = "1.3"
    reload         = "30s"
  }
  allow            = ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7", "2001:db8::1", "::ffff:192.0.2.0/120", "::ffff:192.0.2.1"]
  trusted_proxies  = ["10.0.0.0/8"]
  forwarded_header = "Forwarded"
  max_header_bytes = "16KiB"
}

source "sendgrid" "marketing" {
  public_key         = secret("env:SENDGRID_KEY")
  allow              = ["192.0.2.0/24"]
  client_certificate = false
  max_rate           = 500
}

pipeline "marketing" {
  from = [source.sendgrid.marketing]
  to   = [sink.sqlite.base]
}
