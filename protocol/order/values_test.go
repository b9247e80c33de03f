package order

import (
	"reflect"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Every value of every body, changed and signed again by its rightful signer:
// what is not refused is the signer's to choose, and listed here.
func TestEveryValueOfABodyIsChecked(t *testing.T) {
	r := newRealm(t, 2)
	h := r.run(t, r.plan(Secret, 2), secret.Random(32), r.beneficiary, r.beneficiary)
	chosen := map[string]bool{
		"order.Terms.Reference": true, "order.Terms.Size": true, "order.Terms.Extra": true, "order.Terms.Policy.Extra": true,
		"order.Terms.Fiduciaries[0].Offer": true, "order.Terms.Fiduciaries[1].Offer": true,
		"order.Terms.Fiduciaries[0].Custody.Name": true, "order.Terms.Fiduciaries[1].Custody.Name": true,
		"order.Terms.Fiduciaries[0].Custody.Document": true, "order.Terms.Fiduciaries[1].Custody.Document": true,
		"order.Shares[0]": true, "order.Shares[1]": true, "order.Ciphertext": true, "order.Extra": true,
		"acceptance.Receipt.Deposit": true, "acceptance.Receipt.Type": true, "acceptance.Receipt.Scheme": true,
		"acceptance.Checkpoint": true, "acceptance.Extra": true,
		"redemption.Nonce": true, "redemption.Extra": true, "redemption.ReplyKey": true,
		"release.Share": true, "release.Checkpoint": true, "release.Extra": true,
	}
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
