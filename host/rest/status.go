package rest

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/milagro-dta/dta/host/courier"
	"github.com/milagro-dta/dta/host/custody"
	"github.com/milagro-dta/dta/protocol/dag"
	"github.com/milagro-dta/dta/protocol/fault"
)

// Status is the answer to GET /v1/status: the original's members, the custody
// instances, and what is waiting to be done.
type Status struct {
	Application     string           `json:"application"`
	TimeStamp       string           `json:"timeStamp"`
	APIVersion      string           `json:"apiVersion"`
	NodeCID         string           `json:"nodeCID"`
	NodeName        string           `json:"nodeName"`
	ExtensionVendor string           `json:"extensionVendor"`
	Plugin          string           `json:"plugin"`
	NodeType        string           `json:"nodeType"`
	Ready           bool             `json:"ready"`
	Reason          string           `json:"reason,omitempty"`
	Custody         []CustodyStatus  `json:"custody"`
	Queues          []courier.Status `json:"queues"`
	AuditSize       int64            `json:"auditSize"`
}

// CustodyStatus is the state of one custody instance.
type CustodyStatus struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	State    string   `json:"state"`
	Reason   string   `json:"reason,omitempty"` // why it is not ready, for the operator only, as are:
	Before   string   `json:"before,omitempty"` // why the process before this one ended
	Lines    []string `json:"lines,omitempty"`  // the plugin's last
	PID      int      `json:"pid,omitempty"`
	Version  string   `json:"version,omitempty"` // of the program, as it says itself
	SHA256   string   `json:"sha256"`
	Pinned   bool     `json:"pinned"`
	Enrolled bool     `json:"enrolled"` // has a custody identity
	Mode     string   `json:"mode"`
	Identity string   `json:"identity,omitempty"`
	Scheme   string   `json:"scheme,omitempty"`
	Starts   int      `json:"starts"`
}

func (s *Services) status(c echo.Context) error {
	return c.JSON(http.StatusOK, s.report(false))
}

func (s *Services) report(operator bool) Status {
	out := newStatus(s.Records.Self().Name, s.Config.Node.Name, s.Custody, operator)
	out.Ready, out.Queues, out.AuditSize = true, s.queues.status(operator), s.Ledger.Audit.Size()
	if s.Fiduciary != nil {
		out.NodeType = "multi"
	}
	if err := s.Ready(); err != nil {
		out.Ready, out.Reason = false, fault.Public(err)
	}
	return out
}

// newStatus is the status of a node that is not ready, and of its plugins.
func newStatus(node dag.CID, name string, plugins *custody.Set, operator bool) Status {
	out := Status{
		Application: "Milagro Distributed Trust", TimeStamp: time.Now().UTC().Format(time.RFC3339Nano), APIVersion: "v1",
		NodeCID: node.String(), NodeName: name, ExtensionVendor: "Milagro", Plugin: "milagro", NodeType: "principal",
		Custody: []CustodyStatus{}, Queues: []courier.Status{},
	}
	for _, i := range plugins.Instances() {
		p := i.Process()
		state, reason := i.State()
		line := CustodyStatus{
			Name: i.Name(), Type: i.Type(), Version: fault.Foreign(i.About().GetVersion()), State: string(state), SHA256: p.SHA256, Pinned: p.Pinned,
			Enrolled: i.Identity() != nil, Mode: "supervised", Scheme: i.Scheme(), Starts: p.Starts,
		}
		if id := i.Identity(); id != nil {
			line.Identity = id.Name.String()
		}
		if operator {
			line.Reason, line.Before, line.Lines, line.PID = reason, p.Before, p.LastLines, p.PID
		}
		out.Custody = append(out.Custody, line)
	}
	return out
}
