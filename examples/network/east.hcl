# A D-TA of the registrar's network: its plugin makes a share of the network's
# master secret, keeps it, and issues with it what the registrar's network approves.

node {
  name     = "east"
  data_dir = "./dta-data/east"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5623"
  serves  = ["principals", "nodes"]
}

# It is enrolled by hand, which prints the name that the registrar pins:
# dta plugin enrol --config east.hcl vault
plugin "softhsm-demo" "vault" {
  command = "dta-plugin-softhsm-demo"

  config {
    directory = "./dta-softhsm/east"
  }
}

fiduciary {
  custody    = ["vault"]
  principals = [env("DTA_REGISTRAR")]
}

peer "registrar" {
  identity = env("DTA_REGISTRAR")
  url      = "http://127.0.0.1:5621"
}

# The other D-TAs. Where one of them is to sign beside the registrar, it hears of
# the network from all of them.
peer "north" {
  identity = env("DTA_NORTH")
  url      = "http://127.0.0.1:5622"
}

peer "west" {
  identity = env("DTA_WEST")
  url      = "http://127.0.0.1:5624"
}
