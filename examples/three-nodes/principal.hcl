# The principal of three nodes: it places secrets with "fiduciary" and says who
# may have them back. Its name, and the others', are what `dta init` prints.

node {
  name     = "principal"
  data_dir = "./dta-data/principal"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5601"
  serves  = ["principals", "nodes"]
}

# It keeps this node's own identity.
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true

  config {
    directory = "./dta-softhsm/principal"
  }
}

peer "fiduciary" {
  identity = env("DTA_FIDUCIARY")
  custody  = [env("DTA_FIDUCIARY_CUSTODY")]
  url      = "http://127.0.0.1:5602"
}

peer "beneficiary" {
  identity = env("DTA_BENEFICIARY")
  url      = "http://127.0.0.1:5603"
}
