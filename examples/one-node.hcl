# One node in all three roles: principal, fiduciary and beneficiary.
#
#   dta init --config examples/one-node.hcl
#   dta host --config examples/one-node.hcl
#
# It keeps everything below the directory it is started in.

node {
  name     = "one-node"
  data_dir = "./dta-data"
  seal     = "vault"
}

listener "local" {
  address = "127.0.0.1:5556"
  serves  = ["principals", "nodes"]
}

ipfs "embedded" {}

store "embedded" {}

# A software HSM for trying things out: it makes its own token and keeps the PIN
# beside it. For real secrets choose "pkcs11" with a real HSM.
plugin "softhsm-demo" "vault" {
  command    = "dta-plugin-softhsm-demo"
  self_enrol = true

  config {
    directory = "./dta-softhsm"
  }
}

fiduciary {
  custody    = ["vault"]
  principals = ["self"]
}
