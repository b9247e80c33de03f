package docs_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/milagro-dta/dta/protocol/envelope"
	"github.com/milagro-dta/dta/protocol/identity"
	"github.com/milagro-dta/dta/protocol/issue"
	"github.com/milagro-dta/dta/protocol/offer"
	"github.com/milagro-dta/dta/protocol/order"
)

// signed are the maps that somebody signs, by the names that the page gives them.
var signed = map[string]any{
	"envelope header": envelope.Header{}, "identity document": identity.Document{}, "offer": offer.Body{},
	"order": order.Order{}, "terms": order.Terms{}, "policy": order.Policy{}, "fiduciary": order.Fiduciary{}, "network": order.NetworkTerms{},
	"acceptance": order.Acceptance{}, "receipt": order.Receipt{}, "redemption": order.Redemption{}, "release": order.Release{},
	"request": issue.Request{}, "grant": issue.Grant{}, "revocation": issue.Revocation{},
}

// TestMembersThatMayBeAbsentAreListed: each in the table of the page, and no other.
func TestMembersThatMayBeAbsentAreListed(t *testing.T) {
	page, err := os.ReadFile("protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| structure | member | since | absent while |\n|---|---|---|---|\n")
	table, _, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatal("expected the table of members that may be absent in protocol.md")
	}
	var listed []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 {
			t.Fatalf("expected four cells; found %q", line)
		}
		listed = append(listed, strings.TrimSpace(cells[1])+" "+strings.Trim(cells[2], " `"))
	}
	var members []string
	for name, v := range signed {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(v)) {
			if tag := f.Tag.Get("cbor"); strings.HasSuffix(tag, ",omitempty") {
				members = append(members, name+" "+strings.TrimSuffix(tag, ",omitempty"))
			}
		}
	}
	slices.Sort(listed)
	slices.Sort(members)
	if !slices.Equal(listed, members) {
		t.Errorf("expected %q in the table of protocol.md; found %q", members, listed)
	}
}
