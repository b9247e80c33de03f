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
// that each start and end of that node's host raises. A realm of another node, or of
// another plugin of this one, is refused. A host that finds a claim made with none
// of the marks in its own store has been copied, replaced, or put back from a
// backup: what was acknowledged under that claim is none of its store's, so it
// takes no new orders, until its operator has it take over. Several hosts that
// share a store share its marks.

// Tenure is what a node's store keeps of its claims to a plugin's realm.
type Tenure struct {
	Number uint64   `cbor:"number"` // the highest that a claim of this node got
	Marks  [][]byte `cbor:"marks"`  // of the newest claims, newest first

	// Loss tells the newest loss that the operator has accepted, Judged the one that
	// was when the node last claimed. What was lost may have been a mark.
	Loss   []byte `cbor:"-"`
	Judged []byte `cbor:"judged"`
}

// maxMarks is how many claims a store remembers: enough for the hosts that use it
// now, for starts that died between two writes, and for a token that was put back
// from a backup with an earlier claim.
const maxMarks = 64

// With is the tenure with marks in front, each once.
func (t Tenure) With(marks ...[]byte) Tenure {
	old := t.Marks
	t.Marks = nil
	for _, m := range slices.Concat(marks, old) {
		if len(m) > 0 && len(t.Marks) < maxMarks && !t.has(m) {
			t.Marks = append(t.Marks, m)
		}
	}
	return t
}

func (t Tenure) has(mark []byte) bool {
	return slices.ContainsFunc(t.Marks, func(m []byte) bool { return bytes.Equal(m, mark) })
}

// covers tells whether a realm's newest claim, if it has one, is this store's, or
// the operator has accepted that the store lacks something.
func (t Tenure) covers(has *contract.TenureRecord) bool {
	return has.GetNumber() == 0 || t.has(has.GetMark()) || !bytes.Equal(t.Loss, t.Judged)
}

// tenured tells whether the plugin says that its realm keeps claims.
func tenured(about *contract.DescribeResponse) bool {
	return slices.Contains(about.GetServices(), contract.Tenure_ServiceDesc.ServiceName)
}

// hold sees to it that the realm of a plugin that was just configured is this
// node's, and claims it once in the life of a serving host. One that another copy
// of the node has served since is not claimed: the plugin gives back what it keeps.
func (i *Instance) hold(ctx context.Context, c *contract.Client) error {
	o := i.set.options
	if !o.Serving || !o.Tenant.Defined() || i.claimed() {
		_, err := i.holder(ctx, c, o.Tenant)
		return err
	}
	err := i.claim(ctx, c, o.Tenant)
	if err == nil || errors.Is(err, errReplaced) {
		i.judge(err)
	}
	if errors.Is(err, errReplaced) {
		o.Log.Error("no new orders: another copy of this node has served the realm", "plugin", i.name, "reason", err)
		return nil
	}
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
		return nil, fault.New(fault.Conflict, "its realm belongs to plugin %.80q of node %s%s: name another realm, or mount the volume with the data directory of that node", has.GetInstance(), owner, lastStart(has))
	}
	return has, nil
}

// lastStart reads on after a node: ", last started on host-a at 2026-01-02T15:04:05Z".
func lastStart(t *contract.TenureRecord) string {
	if t.GetNumber() == 0 {
		return ""
	}
	return ", last started " + placeOf(t)
}

// claimOf names a claim: "claim 12 on host-a at 2026-01-02T15:04:05Z".
func claimOf(t *contract.TenureRecord) string {
	return fmt.Sprintf("claim %d %s", t.GetNumber(), placeOf(t))
}

func placeOf(t *contract.TenureRecord) string {
	return fmt.Sprintf("on %q at %s", fault.Foreign(t.GetHost()), time.Unix(t.GetTime(), 0).UTC().Format(time.RFC3339))
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
	if !tenured(i.About()) || !node.Defined() || i.claimed() {
		return nil
	}
	has, err := i.holder(ctx, c, node)
	if err != nil || has != nil {
		return err
	}
	return i.claim(ctx, c, node)
}

func (i *Instance) claimed() bool { return i.mark.Load() != nil }

// claim raises the number in the realm, if the newest claim is this store's.
func (i *Instance) claim(ctx context.Context, c *contract.Client, node dag.CID) error {
	i.claiming.Lock()
	defer i.claiming.Unlock()
	for tries := 1; ; tries++ {
		has, known, err := i.compare(ctx, c, node)
		if err != nil {
			return err
		}
		if !known.covers(has) {
			return fault.New(fault.Conflict, "%w, or this data directory was put back from a backup: %s is none of those it knows, up to number %d; what was acknowledged since is missing here: put the newest data directory in its place, or go on without: dta plugin take-over %s",
				errReplaced, claimOf(has), known.Number, i.name)
		}
		mark, marked := newMark(has)
		if err = i.set.options.Book.KeepTenure(ctx, i.name, marked); err != nil {
			return err
		}
		if err = i.raise(ctx, c, node, mark, has, known); fault.Of(err) != fault.Busy || tries == claimTries {
			return err
		}
	}
}

// claimTries is how often a claim is tried where others are made meanwhile.
const claimTries = 5

// newMark makes the mark of a claim, and the change that notes it. It is in the store
// before it is in the realm: a host that shares the store must know it, and this one
// after a crash; and a copy that was made before must not. The realm's present mark
// stays in front, however many claims fail.
func newMark(has *contract.TenureRecord) (mark []byte, marked func(Tenure) Tenure) {
	mark = secret.Random(contract.TenureMark).Open()
	return mark, func(t Tenure) Tenure { return t.With(mark, has.GetMark()) }
}

// compare reads the newest claim and then what the store knows: a mark that another
// host on this store wrote there was in the store before.
func (i *Instance) compare(ctx context.Context, c *contract.Client, node dag.CID) (has *contract.TenureRecord, known Tenure, err error) {
	if has, err = i.holder(ctx, c, node); err != nil {
		return nil, known, err
	}
	known, err = i.set.options.Book.Tenure(ctx, i.name)
	return has, known, err
}

// raise puts a claim in the place of the one that was seen.
func (i *Instance) raise(ctx context.Context, c *contract.Client, node dag.CID, mark []byte, seen *contract.TenureRecord, known Tenure) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	answer, err := c.Tenure.Claim(ctx, &contract.ClaimRequest{After: seen.GetMark(), Claim: &contract.TenureRecord{
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
	i.mark.Store(&mark)
	i.set.options.Log.Info("realm claimed", "plugin", i.name, "number", number)
	return i.set.options.Book.KeepTenure(ctx, i.name, func(t Tenure) Tenure {
		t.Number, t.Judged = max(t.Number, number), t.Loss
		return t
	})
}

// TakeOver has this node go on in a realm that another copy of it has served since:
// at its operator's word, which is audited first.
func (i *Instance) TakeOver(ctx context.Context) (text string, err error) {
	err = i.forOperator(ctx, func(ctx context.Context, c *contract.Client) error {
		i.claiming.Lock()
		defer i.claiming.Unlock()
		o := i.set.options
		if !tenured(i.About()) {
			return fault.New(fault.Unsupported, "plugin %q keeps no record of whose realm it is: there is nothing to take over", i.name)
		}
		has, known, err := i.compare(ctx, c, o.Tenant)
		if err != nil {
			return err
		}
		if known.covers(has) {
			return fault.New(fault.Conflict, "plugin %q: no other copy of this node has served its realm: there is nothing to take over", i.name)
		}
		text = claimOf(has)
		mark, marked := newMark(nil)
		if err := o.Book.TakeOver(ctx, i.name, text, marked); err != nil {
			return err
		}
		if err := i.raise(ctx, c, o.Tenant, mark, has, known); err != nil {
			return err
		}
		i.judge(nil)
		i.watch.nudge()
		return nil
	})
	return text, err
}

// leave raises the number once more when a host ends, so that a copy that was made of
// its store while it ran is told from it.
func (i *Instance) leave(ctx context.Context) {
	if !i.set.options.Serving || !i.claimed() || i.replaced.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	err := i.process.Ask(ctx, func(ctx context.Context, c *contract.Client) error { return i.claim(ctx, c, i.set.options.Tenant) })
	if err != nil {
		i.set.options.Log.Warn("end not noted in the realm", "plugin", i.name, "reason", err)
	}
}

// leaveTime is little, since the end of a host must not wait for a token.
const leaveTime = time.Second

// judge notes whether the realm is still this host's. That it is not holds for the
// whole node: what it would accept, the other might not know of.
func (i *Instance) judge(err error) {
	lost := errors.Is(err, errReplaced)
	if err != nil && !lost && fault.Of(err) != fault.Conflict {
		return // it could not be told
	}
	i.replaced.Store(lost)
	if i.set.options.Health != nil {
		i.set.options.Health.Doubt("realm of "+i.name, err)
	}
}

// checkTenure says that another host has claimed the realm since this one did.
func checkTenure(ctx context.Context, i *Instance, c *contract.Client, _ *contract.StatusResponse) (err error) {
	switch {
	case i.claimed():
		err = i.stillHeld(ctx, c)
	case i.replaced.Load(): // before it had one
		err = i.claim(ctx, c, i.set.options.Tenant)
	default:
		return nil
	}
	i.judge(err)
	return err
}

// mayKeep refuses what would be new to the other copy of a node. It asks the realm,
// after the plugin has done its work and before anybody is told: what is kept after
// another host has claimed the realm is not accepted.
func (i *Instance) mayKeep(ctx context.Context, c *contract.Client) error {
	err := checkTenure(ctx, i, c, nil)
	if err == nil {
		return nil
	}
	i.watch.nudge()
	return fault.New(fault.Unavailable, "nothing new is accepted: %w", err)
}

func (i *Instance) stillHeld(ctx context.Context, c *contract.Client) error {
	o := i.set.options
	has, err := i.holder(ctx, c, o.Tenant)
	switch {
	case err != nil:
		return err
	case has.GetNumber() == 0: // its record was removed
		return i.claim(ctx, c, o.Tenant)
	case bytes.Equal(has.GetMark(), *i.mark.Load()):
		return nil
	}
	// Marks are read after the realm, as in compare.
	known, err := o.Book.Tenure(ctx, i.name)
	if err == nil && !known.covers(has) {
		err = fault.New(fault.Conflict, "%w: %s, where this one has number %d; stop one of the two; if this one is to go on, without what that copy acknowledged: dta plugin take-over %s",
			errReplaced, claimOf(has), known.Number, i.name)
	}
	return err
}

// errReplaced marks the end of a host's tenure, or that it has none.
var errReplaced = errors.New("another copy of this node, with a store of its own, has served its realm since")
