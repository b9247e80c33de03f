//go:build linux

package rig

import (
	"context"
	"net/http"

	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/issue"
)

// Network is what a node says of a network.
type Network struct {
	Reference string `json:"reference"`
	OrderCID  string `json:"orderCID"`
	State     string `json:"state"`
	Revocable bool   `json:"revocable"`
	Notice    string `json:"notice"`
	Charter   []byte `json:"charter"`
	Members   []struct {
		Peer       string `json:"peer"`
		State      string `json:"state"`
		Commitment string `json:"commitment"`
	} `json:"members"`
}

// Order is the CID of the network's order.
func (n Network) Order() dag.CID {
	c, _ := dag.Parse(n.OrderCID)
	return c
}

// CreateNetwork orders one; the body is that of the API.
func (c *Client) CreateNetwork(ctx context.Context, once string, body map[string]any) (out Network, err error) {
	return out, c.Call(ctx, http.MethodPost, "/v1/network", once, body, &out)
}

// ShowNetwork reads one.
func (c *Client) ShowNetwork(ctx context.Context, reference string) (out Network, err error) {
	return out, c.Call(ctx, http.MethodGet, "/v1/network/"+reference, "", nil, &out)
}

// Issued is the answer to a request for something to be issued.
type Issued struct {
	State      string `json:"state"`
	RequestCID string `json:"requestCID"`
	Request    struct {
		Envelope []byte `json:"envelope"`
		Plain    []byte `json:"plain"`
		Roll     []byte `json:"roll"`
	} `json:"request"`
	Subjects []issue.Subject `json:"subjects"`
	Grants   []struct {
		Index    int    `json:"index"`
		Envelope []byte `json:"envelope"`
		Plain    []byte `json:"plain"`
		Share    []byte `json:"share"`
	} `json:"grants"`
	Faults []struct {
		Index   int    `json:"index"`
		Node    string `json:"node"`
		Custody string `json:"custody"`
		Verdict string `json:"verdict"`
		Kind    string `json:"kind"`
		Reason  string `json:"reason"`
	} `json:"faults"`
	Charter []byte `json:"charter"`

	Needed     int      `json:"needed"`
	MayApprove []string `json:"mayApprove"`
	Pending    []byte   `json:"pending"`
	Approvals  [][]byte `json:"approvals"`
}

// Issue asks for something; the body is that of the API without its receiver.
func (c *Client) Issue(ctx context.Context, reference, kind, once string, receiver *seal.PrivateKey, body map[string]any) (out Issued, err error) {
	body["receiver"] = receiver.Public()
	return out, c.Call(ctx, http.MethodPost, "/v1/network/"+reference+"/"+kind, once, body, &out)
}

// Receive checks and opens what was issued, as its receiver does.
func (i Issued) Receive(network dag.CID, receiver *seal.PrivateKey) (*issue.Received, error) {
	d := issue.Delivery{Charter: i.Charter, Request: issue.OpenedPart{Envelope: i.Request.Envelope, Plain: i.Request.Plain}, Roll: i.Request.Roll}
	for _, g := range i.Grants {
		d.Grants = append(d.Grants, issue.Delivered{OpenedPart: issue.OpenedPart{Envelope: g.Envelope, Plain: g.Plain}, Share: g.Share})
	}
	return issue.Receive(d, network, receiver)
}
