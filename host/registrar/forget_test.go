package registrar_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/milagro-dta/dta/host/rest"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/order"
)

// TestAnEnrolmentKeepsItsTagAndItsNumber: the tag when its secret is issued again,
// until the person is forgotten; the number for ever.
func TestAnEnrolmentKeepsItsTagAndItsNumber(t *testing.T) {
	l := newLab(t, 2, nil)
	tag := func(a asked) []byte { l.t.Helper(); return l.receives(a).Request.Request().Tags[0] }
	again := func() asked {
		return l.ask(l.registrar, order.ClientSecret, body{"name": "tagged", "enrolment": 1})
	}
	first := tag(l.enrol("tagged"))
	if !bytes.Equal(first, tag(again())) || bytes.Equal(first, tag(l.enrol("another"))) {
		t.Error("expected a tag of its own, that stays")
	}
	var got rest.ForgetAnswer
	err := l.registrar.client.Call(context.Background(), http.MethodPost, "/v1/network/"+l.network.Reference+"/forget", "", body{"name": "tagged"}, &got)
	if err != nil || got.Enrolments != 1 || got.Requests != 2 {
		t.Errorf("expected one enrolment and two requests to be forgotten; found %+v, %v", got, err)
	}
	refused(t, l.enrol("tagged").err, fault.Conflict) // its number is not given twice
	if bytes.Equal(first, tag(again())) {
		t.Error("expected another tag: the first was forgotten")
	}
	if number := l.receives(l.ask(l.registrar, order.ClientSecret, body{"name": "tagged", "anew": true})).Request.Request().Subjects[0].Enrolment; number != 2 {
		t.Errorf("anew: expected number 2; found %d", number)
	}
}
