plugin "a.example/acme" { # WRONG: all of it
}
