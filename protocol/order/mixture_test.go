package order

import (
	"reflect"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/identity"
)

// twoOrders are two whole orders of the same parties, so that nothing but the
// chain rules tells them apart: a is redeemed by the beneficiary itself, b by
// the principal for itself.
func twoOrders(t testing.TB) (a, b *history) {
	t.Helper()
	r := newRealm(t, 2)
	a = r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	plan := r.plan(Secret, 1)
	plan.Redeemers = []*identity.Identity{r.principal.Identity()}
	plan.Receivers = []*identity.Identity{r.principal.Identity(), r.beneficiary.Identity()}
	plan.Fiduciaries[0].Offer, plan.Fiduciaries[1].Offer = dag.Sum([]byte("x")), dag.Sum([]byte("y"))
	plan.Publish = PublishAll
	plan.Policy.Enforcement = HostEnforced
	b = r.runWith(t, plan, secret.Random(48), r.principal, r.principal, func(rc *Receipt) { rc.HostEnforced, rc.Mode = true, Enrolled })
	return a, b
}

// verify reads a part of h's chain in its place, as someone shown the plaintext.
func (h *history) verify(part string, i int, block, plain []byte) error {
	var err error
	switch part {
	case "order":
		_, err = VerifyOrder(block, plain, h.who)
	case "acceptance":
		_, err = VerifyAcceptance(h.order, block, plain, h.who)
	case "redemption":
		_, err = VerifyRedemption(h.order, block, plain, h.who)
	case "release":
		_, err = VerifyRelease(h.redemption, h.acceptances[i], block, plain, h.who)
	}
	return err
}

// open is verify for a recipient who decrypts.
func (h *history) open(part string, i int, block []byte) error {
	var err error
	switch part {
	case "order":
		_, err = OpenOrder(h.beneficiary, block, h.who)
	case "acceptance":
		_, err = OpenAcceptance(h.beneficiary, h.order, block, h.who)
	case "redemption":
		_, err = OpenRedemption(h.beneficiary, h.order, block, h.who)
	case "release":
		_, err = OpenRelease(h.beneficiary, h.redemption, h.acceptances[i], block, h.who)
	}
	return err
}

func (h *history) part(part string, i int) *Part {
	switch part {
	case "order":
		return &h.order.Part
	case "acceptance":
		return &h.acceptances[i].Part
	case "redemption":
		return &h.redemption.Part
	default:
		return &h.releases[i].Part
	}
}

// body returns a pointer to a copy of a part's body.
func (h *history) body(part string, i int) any {
	switch part {
	case "order":
		b := h.order.body
		return &b
	case "acceptance":
		b := h.acceptances[i].body
		return &b
	case "redemption":
		b := h.redemption.body
		return &b
	default:
		b := h.releases[i].body
		return &b
	}
}

func (h *history) signer(part string, i int) *identity.Keyring {
	switch part {
	case "order":
		return h.principal
	case "redemption":
		return h.redeemer
	default:
		return h.custody[i]
	}
}

var parts = []string{"order", "acceptance", "redemption", "release"}

// A whole part lifted into the other order's chain. Only the order itself
// stands alone: put in the place of another it is simply that other order.
func TestPartsOfTwoOrdersDoNotMix(t *testing.T) {
	a, b := twoOrders(t)
	for _, part := range parts {
		own, foreign := a.part(part, 0), b.part(part, 0)
		t.Run("the other's "+part, func(t *testing.T) {
			if part == "order" {
				o, err := VerifyOrder(foreign.Block(), foreign.Plain(), a.who)
				if err != nil || o.CID() != b.order.CID() {
					t.Fatalf("an order read anew is another: %v", err)
				}
				return
			}
			wantKind(t, a.verify(part, 0, foreign.Block(), foreign.Plain()), fault.Invalid)
			wantKind(t, a.open(part, 0, foreign.Block()), fault.Invalid)
		})
		t.Run("its own "+part+" with the other's plaintext", func(t *testing.T) {
			wantKind(t, a.verify(part, 0, own.Block(), foreign.Plain()), fault.Invalid)
		})
		t.Run("its own "+part+" without plaintext", func(t *testing.T) {
			wantKind(t, a.verify(part, 0, own.Block(), nil), fault.Invalid)
		})
		for _, other := range parts {
			if other == part {
				continue
			}
			t.Run("its own "+other+" in the place of the "+part, func(t *testing.T) {
				p := a.part(other, 0)
				wantKind(t, a.verify(part, 0, p.Block(), p.Plain()), fault.Invalid)
			})
		}
	}
	t.Run("the other fiduciary's acceptance for a release", func(t *testing.T) {
		p := &a.releases[0].Part
		_, err := VerifyRelease(a.redemption, a.acceptances[1], p.Block(), p.Plain(), a.who)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("the other order's acceptance for a release", func(t *testing.T) {
		p := &a.releases[0].Part
		_, err := VerifyRelease(a.redemption, b.acceptances[0], p.Block(), p.Plain(), a.who)
		wantKind(t, err, fault.Invalid)
		_, _, err = ReleaseTo(a.custody[0], a.redemption, b.acceptances[0], a.material[0], nil, a.who, now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("the other order's acceptances for a redemption", func(t *testing.T) {
		_, _, err := Redeem(a.redeemer, a.order, b.acceptances, a.receiver.Identity().Name, a.who, now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("the other order's material for a release", func(t *testing.T) {
		_, _, err := ReleaseTo(a.custody[0], a.redemption, a.acceptances[0], b.material[0], nil, a.who, now)
		wantKind(t, err, fault.Invalid)
	})
	t.Run("the other order's released block", func(t *testing.T) {
		_, err := OpenReleasedMaterial(a.releases[0], b.released[0].Bytes, a.key())
		wantKind(t, err, fault.Invalid)
	})
	t.Run("the other order's reply key", func(t *testing.T) {
		_, err := OpenReleasedMaterial(a.releases[0], a.released[0].Bytes, b.key())
		wantKind(t, err, fault.Denied)
	})
}

// What becomes of a field that its rightful signer takes from the other order.
const (
	same  = fault.Kind("same in both")  // nothing to swap
	free  = fault.Kind("free")          // the signer's to choose
	bound = fault.Kind("another order") // it reads well, and nothing sealed for the first opens
)

// swapped names every field of every body. A field that is missing here fails
// the test, so that whoever adds one decides.
var swapped = map[string]fault.Kind{
	"order.Version":           same,
	"order.Terms.Version":     same,
	"order.Terms.Suite":       same,
	"order.Terms.Reference":   bound,
	"order.Terms.What":        same,
	"order.Terms.Principal":   same,
	"order.Terms.Redeemers":   bound,
	"order.Terms.Receivers":   bound,
	"order.Terms.Policy":      bound,
	"order.Terms.T":           fault.Invalid,
	"order.Terms.N":           same,
	"order.Terms.Fiduciaries": bound,
	"order.Terms.Commitments": fault.Invalid,
	"order.Terms.Publish":     bound,
	"order.Terms.Size":        bound,
	"order.Terms.KeyForm":     same, // both are of secrets
	"order.Terms.Critical":    same,
	"order.Terms.Extra":       same,
	"order.Shares":            bound,
	"order.Ciphertext":        free, // the keepers never see it; Combine refuses it
	"order.Critical":          same,
	"order.Extra":             same,

	"acceptance.Version":              same,
	"acceptance.Order":                fault.Invalid,
	"acceptance.Terms":                fault.Invalid,
	"acceptance.Index":                same,
	"acceptance.Commitment":           fault.Invalid,
	"acceptance.Proof":                same,
	"acceptance.Receipt.Deposit":      free,
	"acceptance.Receipt.Mode":         free,
	"acceptance.Receipt.Type":         same,
	"acceptance.Receipt.Scheme":       same,
	"acceptance.Receipt.HostEnforced": fault.Invalid,
	"acceptance.Receipt.KeyForm":      same,
	"acceptance.Checkpoint":           same,
	"acceptance.Critical":             same,
	"acceptance.Extra":                same,

	"redemption.Version":   same,
	"redemption.Order":     fault.Invalid,
	"redemption.Terms":     fault.Invalid,
	"redemption.Receiver":  fault.Denied,
	"redemption.ReplyKeys": free, // whose it is only the receiver knows
	"redemption.Nonce":     free,
	"redemption.Critical":  same,
	"redemption.Extra":     same,

	"release.Version":    same,
	"release.Order":      fault.Invalid,
	"release.Terms":      fault.Invalid,
	"release.Redemption": fault.Invalid,
	"release.Acceptance": fault.Invalid,
	"release.Index":      same,
	"release.Receiver":   fault.Denied,
	"order.Terms.OwnKey": same, "acceptance.Receipt.OwnKey": same, "redemption.Asked": same,
	"release.Share":      bound,
	"release.Checkpoint": same,
	"release.KeyForm":    same,
	"release.Critical":   same,
	"release.Extra":      same,
}

func TestFieldsOfTwoOrdersDoNotMix(t *testing.T) {
	a, b := twoOrders(t)
	seen := make(map[string]bool)
	for _, part := range parts {
		fields(part, a.body(part, 0), b.body(part, 0), func(path string, swap func() bool, body any) {
			seen[path] = true
			t.Run(path, func(t *testing.T) {
				got := same
				if swap() {
					got = a.judge(t, part, b, body)
				}
				if want, known := swapped[path]; !known || got != want {
					t.Fatalf("expected %q, found %q", want, got)
				}
			})
		})
	}
	for path := range swapped {
		if !seen[path] {
			t.Errorf("%s is no field any more", path)
		}
	}
}

// judge signs a body as its rightful signer would and says what becomes of it.
func (h *history) judge(t *testing.T, part string, other *history, body any) fault.Kind {
	t.Helper()
	p := h.part(part, 0)
	recipients := h.readers(t, p)
	if o, ok := body.(*Order); ok { // a principal seals to whomever its terms say
		recipients = nil
		for _, name := range o.Terms.Parties() {
			id, err := h.who.Identity(name, dag.CID{})
			if err != nil {
				t.Fatal(err)
			}
			recipients = append(recipients, id)
		}
	}
	sealed := h.sealAs(t, h.signer(part, 0), envelope.Draft{
		Kind: p.header.Kind, Recipients: recipients, Previous: p.header.Previous, Body: reflect.ValueOf(body).Elem().Interface(),
	})
	if err := h.verify(part, 0, sealed.Block, sealed.Plain); err != nil {
		return fault.Of(err)
	}
	switch part {
	case "order":
		o, err := VerifyOrder(sealed.Block, sealed.Plain, h.who)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []*history{h, other} {
			if share, err := OpenShare(h.custody[0], o, 0, from.placed.Detached[0].Bytes); err == nil {
				share.Clear()
				return free
			}
		}
		return bound
	case "release":
		rel, err := VerifyRelease(h.redemption, h.acceptances[0], sealed.Block, sealed.Plain, h.who)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []*history{h, other} {
			for _, key := range []ReceiverKey{h.key(), other.key()} {
				if material, err := OpenReleasedMaterial(rel, from.released[0].Bytes, key); err == nil {
					material.Clear()
					return free
				}
			}
		}
		return bound
	}
	return free
}

// fields visits each field of a body, one level into Terms and Receipt. swap
// gives the body visited b's value and tells whether that changed anything.
func fields(part string, a, b any, visit func(path string, swap func() bool, body any)) {
	var walk func(path string, index []int, typ reflect.Type)
	walk = func(path string, index []int, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			at := append(index[:len(index):len(index)], i)
			if f.Type == reflect.TypeOf(Terms{}) || f.Type == reflect.TypeOf(Receipt{}) {
				walk(path+"."+f.Name, at, f.Type)
				continue
			}
			body := reflect.New(reflect.TypeOf(a).Elem())
			body.Elem().Set(reflect.ValueOf(a).Elem())
			visit(path+"."+f.Name, func() bool {
				into, from := body.Elem().FieldByIndex(at), reflect.ValueOf(b).Elem().FieldByIndex(at)
				if reflect.DeepEqual(into.Interface(), from.Interface()) {
					return false
				}
				into.Set(from)
				return true
			}, body.Interface())
		}
	}
	walk(part, nil, reflect.TypeOf(a).Elem())
}
