# The fiduciary of three nodes: it keeps what "principal" entrusts to it.

node {
  name     = "fiduciary"
  data_dir = "./dta-data/fiduciary"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5602"
  serves  = ["principals", "nodes"]
}

# The instance in which principals' secrets are kept; it seals this node's own
# identity as well. It is enrolled by hand, which prints the name that the other
# two pin: dta plugin enrol --config fiduciary.hcl vault
plugin "softhsm-demo" "vault" {
  command = "dta-plugin-softhsm-demo"

  config {
    directory = "./dta-softhsm/fiduciary"
  }
}

fiduciary {
  custody    = ["vault"]
  principals = [env("DTA_PRINCIPAL")]
}

peer "principal" {
  identity = env("DTA_PRINCIPAL")
  url      = "http://127.0.0.1:5601"
}

peer "beneficiary" {
  identity = env("DTA_BENEFICIARY")
  url      = "http://127.0.0.1:5603"
}
