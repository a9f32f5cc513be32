source = "x" # ERROR PB2102
