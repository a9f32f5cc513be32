lookup "http" "a" { # WARNING PB2116
  url = "http://crm.example/{key}" # WARNING PB2153
  headers = {
    Authorization = "Bearer hunter2" # WARNING PB2302
    Host          = "other.example" # ERROR PB2109
    "a b"         = "x" # ERROR PB2109
    X-Tenant      = "line\nbreak" # ERROR PB2109
    x-tenant      = "eu"
    X-TENANT      = "eu" # ERROR PB2110
  }
  fields    = { tier = "data.tier" }
  not_found = [404, 401] # ERROR PB2114
}
