pipeline "p" {
  from = [source.twilio.base]
  on_failure "x" { # ERROR PB2112
    attempts = 0 # ERROR PB2114
    max_age  = "5s" # ERROR PB2114
    to       = [sink.sqlite.base] # ERROR PB2102
  }
  on_failure { attempts = 2 } # ERROR PB2110
  to   = [sink.sqlite.base]
}
