package custody

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/sdk/contract"
)

// A plugin may keep, in its realm, which node the realm belongs to and a number
// that each host start of that node raises. A realm of another node, or of
// another plugin of this one, is refused. A host that finds a newer claim, made
// with none of the marks in its own store, has been copied or replaced: it takes
// no new orders. Several hosts that share a store share its marks.

// Tenure is what a node's store keeps of its claims to a plugin's realm.
type Tenure struct {
	Number uint64   `cbor:"number"` // the highest that a claim of this node got
	Marks  [][]byte `cbor:"marks"`  // of the newest claims, newest first
}

// maxMarks is how many claims a store remembers: those of the hosts that use it
// now, and of some that died between two writes.
const maxMarks = 8

// With is the tenure with one more mark.
func (t Tenure) With(mark []byte) Tenure {
	t.Marks = append([][]byte{mark}, t.Marks...)
	t.Marks = t.Marks[:min(len(t.Marks), maxMarks)]
	return t
}

func (t Tenure) has(mark []byte) bool {
	return slices.ContainsFunc(t.Marks, func(m []byte) bool { return bytes.Equal(m, mark) })
}

// tenured tells whether the plugin says that its realm keeps claims.
func tenured(about *contract.DescribeResponse) bool {
	return slices.Contains(about.GetServices(), contract.Tenure_ServiceDesc.ServiceName)
}

// hold sees to it that the realm of a plugin that was just configured is this
// node's, and claims it once in the life of a serving host.
func (i *Instance) hold(ctx context.Context, c *contract.Client) error {
	o := i.set.options
	if o.Serving && o.Tenant.Defined() {
		if i.claimed.Load() {
			return nil // the check that follows tells whether it still holds
		}
		return i.claim(ctx, c, o.Tenant)
	}
	_, err := i.holder(ctx, c, o.Tenant)
	return err
}

// holder is the newest claim; nil where the realm belongs to nobody, or keeps no
// claims. A realm of another is fault.Conflict.
func (i *Instance) holder(ctx context.Context, c *contract.Client, node dag.CID) (*contract.TenureRecord, error) {
	answer, err := c.Tenure.Holder(ctx, &contract.HolderRequest{})
	switch fault.Of(err) {
	case "":
	case fault.NotFound, fault.Unsupported:
		return nil, nil
	default:
		return nil, fmt.Errorf("ask whose realm it is: %w", err)
	}
	has := answer.GetClaim()
	owner, err := dag.FromBytes(has.GetNode())
	if err != nil {
		return nil, fault.New(fault.Invalid, "ask whose realm it is: %w", err)
	}
	if owner != node || has.GetInstance() != i.name {
		return nil, fault.New(fault.Conflict, "its realm belongs to plugin %.80q of node %s%s: name another realm", has.GetInstance(), owner, lastStart(has))
	}
	return has, nil
}

// lastStart reads on after a node: ", last started on host-a at 2026-01-02T15:04:05Z".
func lastStart(t *contract.TenureRecord) string {
	if t.GetNumber() == 0 {
		return ""
	}
	return fmt.Sprintf(", last started on %q at %s", fault.Foreign(t.GetHost()), time.Unix(t.GetTime(), 0).UTC().Format(time.RFC3339))
}

// Claim gives the instance's realm to a node, before that node is served. A realm
// that keeps no claims is left as it is.
func (i *Instance) Claim(ctx context.Context, node dag.CID) error {
	return i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		if !tenured(i.About()) {
			return nil
		}
		return i.claim(ctx, c, node)
	})
}

// own claims a realm that nobody has, before something is made in it.
func (i *Instance) own(ctx context.Context, c *contract.Client) error {
	node := i.set.options.Tenant
	if !tenured(i.About()) || !node.Defined() || i.claimed.Load() {
		return nil
	}
	has, err := i.holder(ctx, c, node)
	if err != nil || has != nil {
		return err
	}
	return i.claim(ctx, c, node)
}

// claim raises the number in the realm. The mark is in the store before it is in
// the realm: a host that shares the store must know it.
func (i *Instance) claim(ctx context.Context, c *contract.Client, node dag.CID) error {
	book := i.set.options.Book
	mark := secret.Random(contract.TenureMark).Open()
	known, err := book.Tenure(ctx, i.name)
	if err != nil {
		return err
	}
	if err := book.KeepTenure(ctx, i.name, func(t Tenure) Tenure { return t.With(mark) }); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	answer, err := c.Tenure.Claim(ctx, &contract.ClaimRequest{Claim: &contract.TenureRecord{
		Node: node.Bytes(), Number: known.Number, Mark: mark, Host: host[:min(len(host), contract.MaxHostName)], Time: time.Now().Unix(),
	}})
	if fault.Of(err) == fault.Unsupported {
		i.set.options.Log.Warn("the realm keeps no record of its node: a copy of this node is not noticed", "plugin", i.name, "reason", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("claim its realm: %w", err)
	}
	number := answer.GetClaim().GetNumber()
	i.claimed.Store(true)
	i.set.options.Log.Info("realm claimed", "plugin", i.name, "number", number)
	return book.KeepTenure(ctx, i.name, func(t Tenure) Tenure {
		t.Number = max(t.Number, number)
		return t
	})
}

// checkTenure says that another host has claimed the realm since this one did. It
// holds for the whole node: what it would accept, the other might not know of.
func checkTenure(ctx context.Context, i *Instance, c *contract.Client, _ *contract.StatusResponse) error {
	if !i.claimed.Load() {
		return nil
	}
	err := i.stillHeld(ctx, c)
	if kind := fault.Of(err); i.set.options.Health != nil && (err == nil || kind == fault.Conflict) {
		i.set.options.Health.Doubt("realm of "+i.name, err)
	}
	return err
}

func (i *Instance) stillHeld(ctx context.Context, c *contract.Client) error {
	o := i.set.options
	has, err := i.holder(ctx, c, o.Tenant)
	if err != nil {
		return err
	}
	// The marks are read after the realm: one that another host on this store wrote there was in the store before.
	known, err := o.Book.Tenure(ctx, i.name)
	switch {
	case err != nil:
		return err
	case has == nil || has.GetNumber() < known.Number && !known.has(has.GetMark()):
		// The token was set back, or emptied: whoever claims first is the newest again.
		return i.claim(ctx, c, o.Tenant)
	case !known.has(has.GetMark()):
		return fault.New(fault.Conflict, "%w: number %d, where this one has %d%s; stop one of the two", errReplaced, has.GetNumber(), known.Number, lastStart(has))
	}
	return nil
}

// errReplaced marks the end of a host's tenure.
var errReplaced = errors.New("another host of this node, with a store of its own, has claimed the realm since")
