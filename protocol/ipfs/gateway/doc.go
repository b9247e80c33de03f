// Package gateway is the log between nodes that know one another: blocks over
// HTTP, one request each, by the trustless-gateway interface of IPFS,
//
//	GET /ipfs/{cid}?format=raw
//
// so that Kubo, or any other tool of IPFS, can read from a node and a node from
// any of them. [Handler] serves a node's blocks; [Client] reads from several
// places and checks each block against its CID.
//
// # What is not for everyone
//
// Detached blocks carry shares and releases, and are served to a party of their
// order only. Such a request carries a [Proof] in the header DTA-Party: the
// party's names, the node asked, the CID and the time, signed. It serves for one
// node and one block, for two minutes. Requests without it see the public log
// and nothing else: a block that is kept from them and one that does not exist
// look the same.
package gateway

// HeaderParty is the HTTP header that carries a proof.
const HeaderParty = "DTA-Party"

// PathPrefix is what comes before the CID.
const PathPrefix = "/ipfs/"

// rawType is the media type of a block.
const rawType = "application/vnd.ipld.raw"
