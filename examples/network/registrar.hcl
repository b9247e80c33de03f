# The registrar of a ZKP-MFA network: it orders the network over three D-TAs and
# asks them for what people and servers need. It keeps no share of anything.

node {
  name     = "registrar"
  data_dir = "./dta-data/registrar"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5621"
  serves  = ["principals", "nodes"]
}

# It keeps this node's own identity.
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true

  config {
    directory = "./dta-softhsm/registrar"
  }
}

# The D-TAs. Each custody identity is what `dta plugin enrol` printed there.
peer "north" {
  identity = env("DTA_NORTH")
  custody  = [env("DTA_NORTH_CUSTODY")]
  url      = "http://127.0.0.1:5622"
}

peer "east" {
  identity = env("DTA_EAST")
  custody  = [env("DTA_EAST_CUSTODY")]
  url      = "http://127.0.0.1:5623"
}

peer "west" {
  identity = env("DTA_WEST")
  custody  = [env("DTA_WEST_CUSTODY")]
  url      = "http://127.0.0.1:5624"
}
