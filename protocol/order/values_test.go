package order

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/keytype"
	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Every value of every body, changed and signed again by its rightful signer:
// what is not refused is the signer's to choose, and listed here.
func TestEveryValueOfABodyIsChecked(t *testing.T) {
	r := newRealm(t, 2)
	everyValueIsChecked(t, r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary), map[string]bool{
		"order.Terms.Reference": true, "order.Terms.Size": true, "order.Terms.Extra": true, "order.Terms.Policy.Extra": true,
		"order.Terms.Fiduciaries[0].Offer": true, "order.Terms.Fiduciaries[1].Offer": true,
		"order.Terms.Fiduciaries[0].Custody.Name": true, "order.Terms.Fiduciaries[1].Custody.Name": true,
		"order.Terms.Fiduciaries[0].Custody.Document": true, "order.Terms.Fiduciaries[1].Custody.Document": true,
		// Whoever seals to the node later holds it to its document here.
		"order.Terms.Fiduciaries[0].Node.Document": true, "order.Terms.Fiduciaries[1].Node.Document": true,
		"order.Terms.OwnKey": true, "order.Shares[0]": true, "order.Shares[1]": true, "order.Ciphertext": true, "order.Extra": true,
		"acceptance.Receipt.Deposit": true, "acceptance.Receipt.Type": true, "acceptance.Receipt.Scheme": true,
		"acceptance.Checkpoint": true, "acceptance.Extra": true,
		"redemption.Nonce": true, "redemption.Extra": true, "redemption.ReplyKeys[0]": true, "redemption.ReplyKeys[1]": true,
		"release.Share": true, "release.Checkpoint": true, "release.Extra": true,
	})
}

func TestEveryValueOfAKeysBodiesIsChecked(t *testing.T) {
	r := newRealm(t, 1)
	p := r.plan(Key, 1)
	p.KeyType = keytype.Ed25519
	everyValueIsChecked(t, r.run(t, p, nil, r.beneficiary, r.beneficiary), map[string]bool{
		"order.Terms.Reference": true, "order.Terms.Extra": true, "order.Terms.Policy.Extra": true, "order.Terms.Fiduciaries[0].Offer": true,
		"order.Terms.Fiduciaries[0].Custody.Name": true, "order.Terms.Fiduciaries[0].Custody.Document": true,
		"order.Terms.Fiduciaries[0].Node.Document": true, "order.Terms.OwnKey": true, "order.Extra": true,
		"acceptance.Receipt.Deposit": true, "acceptance.Receipt.Type": true, "acceptance.Receipt.Scheme": true,
		"acceptance.Checkpoint": true, "acceptance.Extra": true,
		"redemption.Nonce": true, "redemption.Extra": true, "redemption.ReplyKeys[0]": true,
		"release.Share": true, "release.Checkpoint": true, "release.Extra": true,
	})
}

func everyValueIsChecked(t *testing.T, h *history, chosen map[string]bool) {
	for _, part := range parts {
		for i := range leaves(h.body(part, 0)) {
			body := deepCopy(t, h.body(part, 0))
			leaf := leaves(body)[i]
			path := part + "." + leaf.path
			leaf.change()
			t.Run(path, func(t *testing.T) {
				sealed := h.reseal(t, h.signer(part, 0), h.part(part, 0), reflect.ValueOf(body).Elem().Interface())
				err := h.verify(part, 0, sealed.Block, sealed.Plain)
				if chosen[path] {
					if err != nil {
						t.Fatalf("the signer may choose it: %v", err)
					}
					return
				}
				if err == nil {
					t.Fatal("a changed value was not noticed")
				}
				if k := fault.Of(err); k != fault.Invalid && k != fault.Denied && k != fault.Unsupported {
					t.Fatalf("expected a refusal, found %s: %v", k, err)
				}
				if strings.HasSuffix(path, "Version") || strings.HasSuffix(path, "Critical") {
					wantKind(t, err, fault.Unsupported)
				}
			})
		}
	}
}

// A refusal is kept, logged and sent: it must not grow with what is refused.
func TestARefusalRepeatsLittleOfABody(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	long := strings.Repeat("\u202e", 50_000)
	short := func(t *testing.T, err error) {
		t.Helper()
		if err == nil || len(err.Error()) > 4096 {
			t.Errorf("expected a refusal of at most 4096 bytes; found %d", len(fmt.Sprint(err)))
		}
	}
	for _, part := range parts {
		for i, l := range leaves(h.body(part, 0)) {
			if l.value.Kind() != reflect.String {
				continue
			}
			t.Run(part+"."+l.path, func(t *testing.T) {
				body := deepCopy(t, h.body(part, 0))
				leaves(body)[i].value.SetString(long)
				sealed := h.reseal(t, h.signer(part, 0), h.part(part, 0), reflect.ValueOf(body).Elem().Interface())
				short(t, h.verify(part, 0, sealed.Block, sealed.Plain))
			})
		}
	}
	for i, l := range leaves(soundNetwork(inventedNames(2, 'a')...)) {
		if l.value.Kind() != reflect.String {
			continue
		}
		t.Run("network."+l.path, func(t *testing.T) {
			n := soundNetwork(inventedNames(2, 'a')...)
			leaves(n)[i].value.SetString(long)
			short(t, n.check())
		})
	}
	t.Run("a detached block's kind", func(t *testing.T) {
		c, block, err := dag.Put(detached{Version: Version, Kind: long})
		if err != nil {
			t.Fatal(err)
		}
		_, err = getDetached(c, block, detachedShare)
		short(t, err)
	})
}

// deepCopy copies a body through its encoding.
func deepCopy(t testing.TB, body any) any {
	t.Helper()
	block, err := dag.Encode(body)
	if err != nil {
		t.Fatal(err)
	}
	c := reflect.New(reflect.TypeOf(body).Elem())
	if err := dag.Decode(block, c.Interface()); err != nil {
		t.Fatal(err)
	}
	return c.Interface()
}
