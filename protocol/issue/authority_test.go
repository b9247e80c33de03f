package issue

import (
	"strings"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/sign"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/order"
)

// delegation is the registrar's to the delegate, for a day from now.
func (n *network) delegation(t testing.TB, edit func(*Delegation)) *Delegation {
	t.Helper()
	d := Delegation{
		To: n.delegate.Identity().Name, Kinds: []order.IssueKind{order.ClientSecret, order.ServerSecret},
		NotBefore: now.UnixMilli(), Expires: now.Add(24 * time.Hour).UnixMilli(),
	}
	if edit != nil {
		edit(&d)
	}
	return must(Delegate(n.registrar, n.Order, d))(t)
}

// TestTheAuthorityIsCountedByNamesAndSigners: a server secret needs two of registrar
// and co-signer.
func TestTheAuthorityIsCountedByNamesAndSigners(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	other := r.found(t, r.terms(mpin.V1))
	door := Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}}
	q, _ := n.draft(t, door)
	q2, _ := n.draft(t, door)
	toDelegate := n.delegation(t, nil)
	cosigners := must(Delegate(r.cosigner, n.Order, Delegation{
		To: r.delegate.Identity().Name, Kinds: []order.IssueKind{order.ServerSecret},
		NotBefore: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli(),
	}))(t)
	approve := func(k *identity.Keyring, by *Delegation) Approval {
		return *must(Approve(k, n.Order, q, by, n.who))(t)
	}
	forged := func(k *identity.Keyring, a Approval) Approval {
		a.Signer = k.Identity().Party()
		return a
	}
	signed := func(k *identity.Keyring, a Approval) Approval {
		a = forged(k, a)
		a.Signature = k.Sign(sign.Approval, must(q.Request.Marshal())(t))
		return a
	}
	registrar, cosigner, delegate := approve(r.registrar, nil), approve(r.cosigner, nil), approve(r.delegate, toDelegate)
	for name, c := range map[string]struct {
		approvals []Approval
		missing   int
		want      fault.Kind
	}{
		"nobody": {nil, 2, ""},
		"one":    {[]Approval{registrar}, 1, ""},
		"two":    {[]Approval{registrar, cosigner}, 0, ""},
		"the co-signer and the registrar's delegate": {[]Approval{cosigner, delegate}, 0, ""},
		"one twice":                       {[]Approval{registrar, registrar}, 0, fault.Denied},
		"the registrar and its delegate":  {[]Approval{registrar, delegate}, 0, fault.Denied},
		"one delegate for two":            {[]Approval{delegate, approve(r.delegate, cosigners)}, 0, fault.Denied},
		"a stranger":                      {[]Approval{signed(r.stranger, registrar)}, 0, fault.Denied},
		"another's signature":             {[]Approval{forged(r.cosigner, registrar)}, 0, fault.Denied},
		"an approval of another request":  {[]Approval{*must(Approve(r.registrar, n.Order, q2, nil, n.who))(t)}, 0, fault.Denied},
		"three where there are two names": {[]Approval{registrar, cosigner, delegate}, 0, fault.Invalid},
		"a delegation to somebody else":   {[]Approval{signed(r.stranger, delegate)}, 0, fault.Denied},
		"a delegation of another network": {[]Approval{func() Approval {
			a := delegate
			d := *must(Delegate(r.registrar, other.Order, Delegation{
				To: r.delegate.Identity().Name, Kinds: []order.IssueKind{order.ServerSecret},
				NotBefore: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli(),
			}))(t)
			a.Delegation = []Delegation{d}
			return a
		}()}, 0, fault.Invalid},
		"two delegations": {[]Approval{func() Approval {
			a := delegate
			a.Delegation = append(a.Delegation, *cosigners)
			return a
		}()}, 0, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			missing, err := Missing(n.Order, q, c.approvals, n.who)
			if fault.Of(err) != c.want || missing != c.missing {
				t.Errorf("expected %d missing, %q; found %d, %v", c.missing, c.want, missing, err)
			}
		})
	}
}

func TestWhatIsNoApprovalIsInvalid(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "anna")})
	block := must(must(Approve(r.registrar, n.Order, q, nil, n.who))(t).Marshal())(t)
	for cut := range block {
		_, err := ParseApproval(block[:cut])
		wantKind(t, err, fault.Invalid)
	}
	_, err := ParseApproval(append(block, 0))
	wantKind(t, err, fault.Invalid)
}

// TestTooFewApprovalsAreNoRequest: whoever seals it.
func TestTooFewApprovalsAreNoRequest(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	q, _ := n.draft(t, Wish{Kind: order.ServerSecret, Subjects: []Subject{{Name: "door"}}})
	registrar := Approval{Signer: r.registrar.Identity().Party()}
	cosigner := *must(Approve(r.cosigner, n.Order, q, nil, n.who))(t)
	for name, c := range map[string]struct {
		by        *identity.Keyring
		approvals []Approval
		want      fault.Kind
	}{
		"the registrar's alone":                           {r.registrar, []Approval{registrar}, fault.Denied},
		"the co-signer's alone":                           {r.registrar, []Approval{cosigner}, fault.Denied},
		"both":                                            {r.registrar, []Approval{registrar, cosigner}, ""},
		"another's without a signature":                   {r.registrar, []Approval{registrar, {Signer: r.cosigner.Identity().Party()}}, fault.Denied},
		"its own with another's signature":                {r.registrar, []Approval{{Signer: r.registrar.Identity().Party(), Signature: cosigner.Signature}, cosigner}, fault.Invalid},
		"sealed by a stranger":                            {r.stranger, []Approval{cosigner}, fault.Denied},
		"sealed by a stranger who claims to be of a rule": {r.stranger, []Approval{{Signer: r.stranger.Identity().Party()}, cosigner}, fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			sealed := n.askWith(t, c.by, Approved{Version: Version, Request: q.Request, Roll: linked, Key: keyed, Approvals: c.approvals})
			_, err := VerifyRequest(n.Order, sealed.Block, sealed.Plain, n.who)
			if fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
			_, err = Ask(c.by, n.Order, q, c.approvals, n.who, now)
			if c.want == fault.Invalid {
				c.want = "" // Ask drops a signature that its own takes the place of.
			}
			if fault.Of(err) != c.want {
				t.Errorf("asking: expected %q; found %v", c.want, err)
			}
		})
	}
}

// TestADelegationHasAScopeAndAnEnd: what it does not cover is not approved, and not
// believed either.
func TestADelegationHasAScopeAndAnEnd(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	for name, c := range map[string]struct {
		edit    func(*Delegation)
		request Wish
		ok      bool
	}{
		"all of a kind":                 {nil, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, true},
		"another kind":                  {func(d *Delegation) { d.Kinds = d.Kinds[1:] }, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, false},
		"within prefix and suffix":      {func(d *Delegation) { d.Prefix, d.Suffix = "lab-", "@x" }, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "lab-alice@x")}, true},
		"one of two subjects outside":   {func(d *Delegation) { d.Suffix = "@x" }, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice@x", "bob@y")}, false},
		"prefix and suffix overlapping": {func(d *Delegation) { d.Prefix, d.Suffix = "ab", "bc" }, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "abc")}, false},
		"a request made before it": {func(d *Delegation) {
			d.NotBefore, d.Expires = now.Add(time.Hour).UnixMilli(), now.Add(2*time.Hour).UnixMilli()
		}, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, false},
		"a request made after it": {func(d *Delegation) {
			d.NotBefore, d.Expires = now.Add(-2*time.Hour).UnixMilli(), now.Add(-time.Hour).UnixMilli()
		}, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, false},
		"permits within its days": {func(d *Delegation) { d.Kinds, d.MaxDays = []order.IssueKind{order.TimePermit}, 3 }, Wish{Kind: order.TimePermit, Subjects: subjects(mpin.V1, "alice"), First: Day(now), Days: 3}, true},
		"permits for more days":   {func(d *Delegation) { d.Kinds, d.MaxDays = []order.IssueKind{order.TimePermit}, 3 }, Wish{Kind: order.TimePermit, Subjects: subjects(mpin.V1, "alice"), First: Day(now), Days: 5}, false},
		"permits further ahead":   {func(d *Delegation) { d.Kinds, d.MaxDays = []order.IssueKind{order.TimePermit}, 3 }, Wish{Kind: order.TimePermit, Subjects: subjects(mpin.V1, "alice"), First: Day(now) + 9, Days: 1}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := n.delegation(t, c.edit)
			q, _ := n.draft(t, c.request)
			_, err := Approve(r.delegate, n.Order, q, d, n.who)
			if (err == nil) != c.ok {
				t.Errorf("approved: expected %t; found %v", c.ok, err)
			}
			sealed := n.askWith(t, r.delegate, Approved{Version: Version, Request: q.Request, Roll: linked, Key: keyed, Approvals: []Approval{{Signer: r.delegate.Identity().Party(), Delegation: []Delegation{*d}}}})
			err = n.shown(sealed, &q.Roll)
			if (err == nil) != c.ok {
				t.Errorf("believed: expected %t; found %v", c.ok, err)
			}
		})
	}
}

// TestADelegationEndsForARequestThatHasTimeLeft: by the clock of whoever issues.
func TestADelegationEndsForARequestThatHasTimeLeft(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	d := n.delegation(t, func(d *Delegation) {
		d.NotBefore, d.Expires = now.Add(-time.Hour).UnixMilli(), now.Add(5*time.Minute).UnixMilli()
	})
	q, _ := n.draft(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")})
	a := must(Approve(r.delegate, n.Order, q, d, n.who))(t)
	sealed := must(Ask(r.delegate, n.Order, q, []Approval{*a}, n.who, now))(t)
	asked := must(VerifyRequest(n.Order, sealed.Block, sealed.Plain, n.who))(t)
	for after, want := range map[time.Duration]fault.Kind{0: "", 5 * time.Minute: "", 6 * time.Minute: fault.Denied, Life + time.Second: fault.Denied} {
		if err := asked.Current(now.Add(after)); fault.Of(err) != want {
			t.Errorf("after %s: expected %q; found %v", after, want, err)
		}
	}
}

// TestADelegationIsRefusedBeforeItIsSigned where nobody should believe it.
func TestADelegationIsRefusedBeforeItIsSigned(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	base := Delegation{
		To: r.delegate.Identity().Name, Kinds: []order.IssueKind{order.ClientSecret},
		NotBefore: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli(),
	}
	for name, c := range map[string]struct {
		by   *identity.Keyring
		edit func(*Delegation)
		want fault.Kind
	}{
		"by one without authority":       {r.cosigner, func(*Delegation) {}, fault.Denied},
		"by a stranger":                  {r.stranger, func(*Delegation) {}, fault.Denied},
		"to nobody":                      {r.registrar, func(d *Delegation) { d.To = dag.CID{} }, fault.Invalid},
		"to oneself":                     {r.registrar, func(d *Delegation) { d.To = r.registrar.Identity().Name }, fault.Invalid},
		"of nothing":                     {r.registrar, func(d *Delegation) { d.Kinds = nil }, fault.Invalid},
		"of a kind twice":                {r.registrar, func(d *Delegation) { d.Kinds = append(d.Kinds, d.Kinds[0]) }, fault.Invalid},
		"of an unknown kind":             {r.registrar, func(d *Delegation) { d.Kinds = []order.IssueKind{"everything"} }, fault.Invalid},
		"of a kind without end":          {r.registrar, func(d *Delegation) { d.Kinds = []order.IssueKind{order.IssueKind(strings.Repeat("\u202e", 100_000))} }, fault.Invalid},
		"of days without permits":        {r.registrar, func(d *Delegation) { d.MaxDays = 1 }, fault.Invalid},
		"of permits without days":        {r.registrar, func(d *Delegation) { d.Kinds = []order.IssueKind{order.TimePermit} }, fault.Invalid},
		"for ever":                       {r.registrar, func(d *Delegation) { d.Expires = now.Add(2 * MaxDelegation).UnixMilli() }, fault.Invalid},
		"that ends before it begins":     {r.registrar, func(d *Delegation) { d.Expires = d.NotBefore }, fault.Invalid},
		"with a prefix beyond all names": {r.registrar, func(d *Delegation) { d.Prefix = string(make([]byte, maxScope+1)) }, fault.Invalid},
		"with an unknown critical name":  {r.registrar, func(d *Delegation) { d.Critical = dag.Values{"x": must(dag.NewRaw(1))(t)} }, fault.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			d := base
			c.edit(&d)
			_, err := Delegate(c.by, n.Order, d)
			wantKind(t, err, c.want)
			if n := len(err.Error()); n > 4096 {
				t.Errorf("expected a refusal of at most 4096 bytes; found %d", n)
			}
		})
	}
}

// TestADelegateCannotDelegate: its name stands in no rule.
func TestADelegateCannotDelegate(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	_, err := Delegate(r.delegate, n.Order, Delegation{
		To: r.stranger.Identity().Name, Kinds: []order.IssueKind{order.ClientSecret},
		NotBefore: now.UnixMilli(), Expires: now.Add(time.Hour).UnixMilli(),
	})
	wantKind(t, err, fault.Denied)
}

// TestNothingIsIssuedOnceAKeyWasReplaced: an old request still reads, but its key
// may be a thief's by now.
func TestNothingIsIssuedOnceAKeyWasReplaced(t *testing.T) {
	r := newRealm(t, 1)
	k, next, err := identity.Create(identity.Node, "registrar", now)
	if err != nil {
		t.Fatal(err)
	}
	r.registrar = k
	var ids []*identity.Identity
	for _, k := range []*identity.Keyring{r.registrar, r.cosigner, r.nodes[0], r.custody[0]} {
		ids = append(ids, k.Identity())
	}
	r.who = must(order.PartiesOf(ids...))(t)
	n := r.found(t, r.terms(mpin.V1))
	q := n.ask(t, Wish{Kind: order.ClientSecret, Subjects: subjects(mpin.V1, "alice")}, r.registrar)
	rotated, _, err := k.Rotate(next, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	who := must(order.PartiesOf(append(ids, rotated.Identity())...))(t)
	again := n.verified(t, q.sealed, who)
	s := must(Issue(again, r.custody[0].Identity().Name, n.Acceptances[0].Commitment(), n.shares[0]))(t)
	defer s.Clear()
	_, _, err = GrantTo(r.custody[0], again, n.Acceptances[0], s, nil, who, now.Add(2*time.Hour))
	wantKind(t, err, fault.Denied)
}

func TestOnlyRegistrarAndPermitAuthoritiesRevoke(t *testing.T) {
	r := newRealm(t, 1)
	n := r.found(t, r.terms(mpin.V1))
	other := r.found(t, r.terms(mpin.V1))
	good := Revocation{Version: Version, Order: n.Order.CID(), Terms: n.Order.TermsCID().Bytes(), Subject: mark(n.Terms, "alice"), Enrolment: 1}
	for name, c := range map[string]struct {
		by   *identity.Keyring
		edit func(*Revocation)
		want fault.Kind
	}{
		"the registrar's":          {r.registrar, func(*Revocation) {}, ""},
		"the co-signer's":          {r.cosigner, func(*Revocation) {}, fault.Denied},
		"a stranger's":             {r.stranger, func(*Revocation) {}, fault.Denied},
		"another version":          {r.registrar, func(v *Revocation) { v.Version = 2 }, fault.Unsupported},
		"an unknown critical name": {r.registrar, func(v *Revocation) { v.Critical = dag.Values{"x": must(dag.NewRaw(1))(t)} }, fault.Unsupported},
		"another network's":        {r.registrar, func(v *Revocation) { v.Order = other.Order.CID() }, fault.Invalid},
		"another network's terms":  {r.registrar, func(v *Revocation) { v.Terms = other.Order.TermsCID().Bytes() }, fault.Invalid},
		"of another epoch":         {r.registrar, func(v *Revocation) { v.Epoch = 1 }, fault.Invalid},
		"of nobody":                {r.registrar, func(v *Revocation) { v.Subject = nil }, fault.Invalid},
		"of a name in clear":       {r.registrar, func(v *Revocation) { v.Subject = []byte("alice") }, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			v := good
			c.edit(&v)
			names := []dag.CID{c.by.Identity().Name, r.nodes[0].Identity().Name, r.registrar.Identity().Name}
			sealed := n.seal(t, c.by, "revocation", names, []dag.CID{n.Order.CID()}, v)
			_, err := VerifyRevocation(n.Order, sealed.Block, sealed.Plain, n.who)
			if fault.Of(err) != c.want {
				t.Errorf("expected %q; found %v", c.want, err)
			}
		})
	}
}
