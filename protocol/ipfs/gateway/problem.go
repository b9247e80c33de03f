package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/milagro-dta/dta/protocol/fault"
)

// problem is an RFC 9457 answer, with the kind of error and the original D-TA's
// `error` member.
type problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail"`
	Kind   fault.Kind `json:"kind"`
	Error  string     `json:"error"`
}

func writeProblem(w http.ResponseWriter, r *http.Request, status int, kind fault.Kind, detail string) {
	text, err := json.Marshal(problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Detail: detail, Kind: kind, Error: detail,
	})
	if err != nil {
		panic("gateway: a problem does not encode: " + err.Error())
	}
	header := w.Header()
	header.Set("Content-Type", fault.ProblemType)
	header.Set("Content-Length", strconv.Itoa(len(text)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(text)
	}
}
