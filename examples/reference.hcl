# Every option of a node, with its default where it has one.
#
# Text may come from the environment, env("NAME"), or from a file, file("path").
# Relative paths are relative to the working directory of `dta`.

node {
  # What the node calls itself, in its identity document and to its operator.
  name = "acme-custody"

  # Where the node keeps its state, and the socket for `dta` commands: a directory
  # of its own, mode 0700, which `dta init` makes. A relative path is found from
  # where the command is run.
  data_dir = "/var/lib/dta"

  # The plugin that keeps the node's own identity.
  seal = "vault-a"

  # Instead of seal: leave the identity's keys readable in data_dir.
  identity_kept_plain = false
}

# An address on which the node answers; there may be several.
listener "nodes" {
  # Host and port; port 0 takes any free one.
  address = "0.0.0.0:5556"

  # Whom it answers: other "nodes", this node's "principals", or both.
  serves = ["nodes"]

  # Needed beyond loopback.
  tls {
    # PEM file of the certificate, with its intermediates.
    cert = "/etc/dta/tls/node.pem"

    # PEM file of the certificate's key.
    key = "/etc/dta/tls/node.key"
  }

  # Allow this listener to be reached from other machines in the clear.
  insecure_without_tls_beyond_loopback = false
}

listener "principals" {
  address = "0.0.0.0:5557"
  serves  = ["principals"]

  tls {
    cert = "/etc/dta/tls/node.pem"
    key  = "/etc/dta/tls/node.key"

    # PEM file of the authority whose certificates principals must present; none by default, needed beyond loopback. Nodes present none, where they are served as well.
    client_ca = "/etc/dta/tls/clients.pem"
  }

  # Allow principals on other machines to be whoever reaches the port.
  insecure_without_client_certificates_beyond_loopback = false
}

# Where envelopes are published: "embedded" (the default), in the node itself and
# served to others, or "kubo", an IPFS node beside this one.
ipfs "kubo" {
  # The address of Kubo's RPC API.
  api = "http://127.0.0.1:5001"
}

# Where the node keeps its state: "embedded" (the default), a database in
# data_dir. "postgres", with its url, is for a later version.
store "embedded" {}

# A custody plugin: its type, and the name of this instance of it.
plugin "pkcs11" "vault-a" {
  # The program: a path, or a name looked up beside `dta` and then along PATH.
  command = "dta-plugin-pkcs11"

  # The SHA-256 that the program must have, in hex; `dta plugin pin vault-a` writes it. Without one any program is run, and status says so.
  sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

  # Arguments of the program.
  args = []

  # The program's environment; it inherits nothing from `dta`.
  env = {
    SOFTHSM2_CONF = "/etc/dta/softhsm2.conf"
  }

  # How long the program may take until it is ready, 1s to 10m.
  start_timeout = "15s"

  # Let the plugin make its custody identity at the first start, instead of by `dta plugin enrol`.
  self_enrol = false

  # The plugin's own options; only the plugin reads them.
  config {
    module      = "/usr/lib/softhsm/libsofthsm2.so"
    token_label = "custody"
    realm       = "acme"
    pin         = file("/etc/dta/hsm.pin")
  }
}

# Present where the node keeps secrets for others.
fiduciary {
  # The plugins that keep them.
  custody = ["vault-a"]

  # Whose secrets are kept: "self", names of peers, or identities.
  principals = ["self", "northwind"]
}

# Another node that this one deals with.
peer "northwind" {
  # The node's name: the CID of its first identity document.
  identity = "bafyreigks6arfsq3xxfpvqrrwonchxcnu6do76auprhhfomao6c273sixm"

  # Where the node is reached; https except on loopback.
  url = "https://dta.northwind.example"

  # The custody identities of that node to which secrets may go; none by default.
  custody = ["bafyreib6epubmabzlffdhckpmvsodmjuro6xuaei2qwevs3t52xnlhaatu"]

  # PEM file of the authority that signs the node's certificate; the system's authorities by default.
  tls_ca = "/etc/dta/tls/northwind.pem"

  # Believe the first custody identity that this node offers; audited.
  accept_unpinned_custody_on_first_use = false
}

log {
  # The least that is logged: "trace", "debug", "info", "warn" or "error".
  level = "info"

  # "text" for people, "json" for machines.
  format = "text"
}
