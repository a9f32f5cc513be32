locals {
  a = [for x in ["b"] : "${x}${local.a}"] # ERROR PB2131
}
