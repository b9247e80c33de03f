package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/milagro-dta/dta/crypto/secret"
	"github.com/milagro-dta/dta/protocol/fault"
	"github.com/milagro-dta/dta/protocol/peer"
)

func TestABodyIsOneObjectOfKnownMembers(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       string // "": accepted
	}{
		{"an object", `{"secret":"YWJj","publish":"none"}`, ""},
		{"an object without members", ` {} `, ""},
		{"a name with escapes", `{"\u0073ecret":"YWJj"}`, ""},
		{"members of members", `{"extension":{"secert":"{\"a,b\":[}"},"publish":"none"}`, ""},
		{"null for a member", `{"publish":null}`, ""},
		{"null for a secret, which would be a key", `{"secret":null}`, "expected base64 in a string, or for a key no such member; found null"},
		{"nothing", ``, "it is empty"},
		{"white space", " \n", "it is empty"},
		{"null", `null`, "expected a JSON object"},
		{"a list", `[]`, "expected a JSON object"},
		{"a text", `"{}"`, "expected a JSON object"},
		{"something after it", `{} {}`, "nothing after it"},
		{"letters after it", `{"publish":"none"}x`, "nothing after it"},
		{"an object that breaks off", `{"publish":"no`, "breaks off or errs at byte 14"},
		{"an object that errs", `{"publish":none}`, "breaks off or errs at byte 13"},
		{"an unknown member", `{"secert":"YWJj"}`, `unknown field "secert"`},
		{"an unknown member after a deep one", `{"extension":{"a":"b"},"x":[{"y":"}"},2]}`, `unknown field "x"`},
		{"a member without a name", `{"":1}`, `unknown field ""`},
		{"a member twice", `{"publish":"none","publish":"all"}`, `"publish": expected it once`},
		{"a name in another case, as clients of the original have it", `{"Publish":"none"}`, ""},
		{"a name in two cases", `{"publish":"none","Publish":"all"}`, `"Publish": expected it once`},
		{"a member twice within a member", `{"extension":{"a":"1","a":"2"}}`, `"a": expected it once`},
		{"a number for a text", `{"publish":7}`, `"publish": expected a string; found number`},
		{"a list for an object", `{"extension":[]}`, `"extension": expected an object; found array`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := decode([]byte(test.text), new(OrderRequest))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("expected it to be accepted; found %v", err)
			case test.want != "" && (fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), test.want)):
				t.Errorf("expected %q; found %v", test.want, err)
			}
		})
	}
}

func TestNoErrorRepeatsAValue(t *testing.T) {
	type numbers struct {
		N int8 `json:"n"`
	}
	for _, text := range []string{
		`{"secret":"aHVudGVyMg"}`, `{"secret":["aHVudGVyMg=="]}`, `{"secret":"aHVudGVyMg==",}`, `{"secret":"aHVudGVyMg=="`,
		`{"publish":{"aHVudGVyMg":1}}`, `{"n":31337}`, `{"n":31337e9}`,
	} {
		for _, into := range []any{new(OrderRequest), new(numbers)} {
			err := decode([]byte(text), into)
			if err == nil || strings.Contains(err.Error(), "aHVudGVyMg") || strings.Contains(err.Error(), "31337") {
				t.Errorf("%s: found %v", text, err)
			}
		}
	}
}

func TestTheMembersOfMembersAreKnownToo(t *testing.T) {
	for _, test := range []struct {
		text string
		into any
	}{
		{`{"authority":[{"kind":"time-permit","treshold":2}]}`, new(NetworkRequest)},
		{`{"blocks":[{"x":1}]}`, new(peer.Notice)},
		{`{"envelopes":[{"x":1}]}`, new(peer.Notice)},
	} {
		if err := decode([]byte(test.text), test.into); fault.Of(err) != fault.Invalid {
			t.Errorf("%s: found %v", test.text, err)
		}
	}
}

func FuzzMaterial(f *testing.F) {
	for _, seed := range []string{`"YWJj"`, `"YW\/j"`, `"\u0059WJj\n"`, `"YW\nJj"`, `""`, `null`, `7`, `{}`, `"\u00e9"`, `"YWJ"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		// What encoding/json takes for bytes, but for null and, as it takes them too, lists of numbers.
		var want []byte
		werr := json.Unmarshal(text, &want)
		var got Material
		err := json.Unmarshal(bytes.Clone(text), &got)
		switch {
		case err == nil && (werr != nil || !bytes.Equal(got.Bytes().Open(), want)):
			t.Errorf("expected %q, %v; found %q", want, werr, got.Bytes().Open())
		case err != nil && werr == nil && bytes.Contains(text, []byte{'"'}):
			t.Errorf("expected it to be accepted; found %v", err)
		}
	})
}

func TestASecretInARequestIsSentAndDoesNotPrint(t *testing.T) {
	for sent, text := range map[*OrderRequest]string{
		{Custody: "vault"}: `{"beneficiaryIDDocumentCID":"","extension":null,"fiduciary":"","custody":"vault","publish":""}`,
		{Secret: NewMaterial(secret.New([]byte("breakfast")))}: `{"beneficiaryIDDocumentCID":"","extension":null,"secret":"YnJlYWtmYXN0","fiduciary":"","custody":"","publish":""}`,
	} {
		got, err := json.Marshal(sent)
		if err != nil || string(got) != text {
			t.Errorf("expected %s; found %s, %v", text, got, err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			for _, v := range []any{sent, *sent, sent.Secret} {
				got := fmt.Sprintf(verb, v)
				for _, shown := range []string{"breakfast", fmt.Sprintf("%x", "breakfast"), fmt.Sprint([]byte("breakfast"))} {
					if strings.Contains(got, shown) {
						t.Errorf("%s prints %s", verb, got)
					}
				}
			}
		}
	}
}

func TestASecretsEncodingIsBase64(t *testing.T) {
	for text, want := range map[string]string{
		`{"secret":"YWJj"}`: "abc", `{"secret":"\u0059W\nJj"}`: "abc", `{"secret":"\/\/8="}`: "\xff\xff", `{"secret":""}`: "",
	} {
		var got OrderRequest
		if err := decode([]byte(text), &got); err != nil || got.Secret.Bytes() == nil || string(got.Secret.Bytes().Open()) != want {
			t.Errorf("%s: expected %q; found %q, %v", text, want, got.Secret.Bytes().Open(), err)
		}
	}
	for _, text := range []string{`{"secret":7}`, `{"secret":"*"}`, `{"secret":"YWJ"}`, `{"secret":"\t"}`, `{"secret":"\u00e9"}`, `{"secret":{}}`} {
		var got OrderRequest
		if err := decode([]byte(text), &got); fault.Of(err) != fault.Invalid || got.Secret.Bytes() != nil {
			t.Errorf("%s: expected invalid; found %q, %v", text, got.Secret.Bytes().Open(), err)
		}
	}
}

// watched is a body that remembers where it was read to.
type watched struct {
	rest    io.Reader
	buffers [][]byte
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.rest.Read(p)
	w.buffers = append(w.buffers, p[:n])
	return n, err
}

func (*watched) Close() error { return nil }

// broken ends with an error.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestNothingOfASecretStaysInABuffer(t *testing.T) {
	handler := New(Services{}, Faces{Principals: true}, hclog.NewNullLogger()).Handler()
	material := strings.Repeat("c2VjcmV0", 40_000) // base64 of 234 KiB
	for _, test := range []struct {
		name, path, text string
		end              io.Reader
		status           int
	}{
		{"an order that is refused", "/v1/order", `{"secret":"` + material + `","extension":{"a":"b"}}`, nil, 501},
		{"an order with an unknown member", "/v1/order", `{"secret":"` + material + `","x":1}`, nil, 400},
		{"an order that breaks off", "/v1/order", `{"secret":"` + material, nil, 400},
		{"an order whose connection breaks", "/v1/order", `{"secret":"` + material, broken{}, 400},
		{"an order beyond the limit", "/v1/order", `{"secret":"` + strings.Repeat(material, 4), nil, 413},
		{"a redemption with a secret by mistake", "/v1/order/secret", `{"orderReference":"` + material + `"}`, nil, 400},
	} {
		for _, length := range []int64{-1, int64(len(test.text))} {
			if length > MaxPrincipalBody {
				continue // nothing is read
			}
			var body io.Reader = strings.NewReader(test.text)
			if test.end != nil {
				body = io.MultiReader(body, test.end)
			}
			w := &watched{rest: body}
			r := httptest.NewRequest(http.MethodPost, test.path, w)
			r.ContentLength = length
			rec := httptest.NewRecorder()
			handler.ServeHTTP(rec, r)
			if rec.Code != test.status {
				t.Errorf("%s: expected %d; found %d %s", test.name, test.status, rec.Code, rec.Body)
			}
			if len(w.buffers) == 0 || slices.ContainsFunc(w.buffers, func(b []byte) bool { return bytes.ContainsFunc(b, func(r rune) bool { return r != 0 }) }) {
				t.Errorf("%s, length %d: a buffer holds what was read", test.name, length)
			}
			if strings.Contains(rec.Body.String(), material[:64]) {
				t.Errorf("%s: the answer repeats it", test.name)
			}
		}
	}
}

func TestABodyHasTheLimitOfItsAPI(t *testing.T) {
	handler := New(Services{}, Faces{Principals: true, Nodes: true, Operator: true}, hclog.NewNullLogger()).Handler()
	for path, limit := range map[string]int{
		"/v1/order": 1 << 20, "/v1/order/secret": 1 << 20, "/operator/audit/verify": 1 << 20, "/operator/plugin/enrol": 1 << 20,
		"/v1/notice": 8 << 20,
	} {
		for _, told := range []bool{true, false} {
			for size, status := range map[int]int{limit: 400, limit + 1: 413} {
				r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(bytes.Repeat([]byte{' '}, size)))
				if !told {
					r.ContentLength = -1
				}
				rec := httptest.NewRecorder()
				handler.ServeHTTP(rec, r)
				if rec.Code != status {
					t.Errorf("%s, %d bytes, told %t: expected %d; found %d %s", path, size, told, status, rec.Code, rec.Body)
				}
			}
		}
	}
}
