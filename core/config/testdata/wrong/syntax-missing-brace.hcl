receiver { # ERROR PB2005
  max_body = 2048
