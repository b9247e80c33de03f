# The beneficiary of three nodes: what "principal" placed for it, it fetches from
# "fiduciary".

node {
  name     = "beneficiary"
  data_dir = "./dta-data/beneficiary"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5603"
  serves  = ["principals", "nodes"]
}

# It keeps this node's own identity.
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true

  config {
    directory = "./dta-softhsm/beneficiary"
  }
}

peer "principal" {
  identity = env("DTA_PRINCIPAL")
  url      = "http://127.0.0.1:5601"
}

peer "fiduciary" {
  identity = env("DTA_FIDUCIARY")
  custody  = [env("DTA_FIDUCIARY_CUSTODY")]
  url      = "http://127.0.0.1:5602"
}
