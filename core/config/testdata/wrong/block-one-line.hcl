receiver { listen = "127.0.0.1:1" max_body = 1 } # ERROR PB2005
