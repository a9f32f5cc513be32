locals {
  a = ["x", "x", "x", "x", "x", "x", "x", "x", "x", "x"]
  b = [local.a, local.a, local.a, local.a, local.a, local.a, local.a, local.a, local.a, local.a]
  c = [local.b, local.b, local.b, local.b, local.b, local.b, local.b, local.b, local.b, local.b]
  d = [local.c, local.c, local.c, local.c, local.c, local.c, local.c, local.c, local.c, local.c] # ERROR PB2211
  e = [local.d, local.d]
}
