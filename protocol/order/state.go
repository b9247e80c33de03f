package order

import "github.com/milagro-dta/dta/protocol/fault"

// State is where an order stands for the one who placed it; a closed list.
type State string

const (
	Ordered   State = "ordered"   // signed and stored, not yet accepted by all it needs
	Accepted  State = "accepted"  // safeguarded
	Redeeming State = "redeeming" // a redemption is under way
	Released  State = "released"  // released at least once; final
	Failed    State = "failed"    // never safeguarded; final
)

// Event moves an order from state to state.
type Event string

const (
	EventAccept  Event = "accept"  // the acceptances it needs are there, or one more came
	EventRedeem  Event = "redeem"  // a redemption was signed and stored
	EventGiveUp  Event = "give up" // that redemption came to nothing
	EventRelease Event = "release" // the releases it needs are there
	EventFail    Event = "fail"    // the order came to nothing
)

// transitions is the whole life-cycle; what is missing is a conflict. A failed
// redemption leaves the secret safeguarded, so it leads back to accepted. A
// released order may be redeemed again, and stays released.
var transitions = map[State]map[Event]State{
	Ordered: {
		EventAccept: Accepted,
		EventFail:   Failed,
	},
	Accepted: {
		EventAccept: Accepted,
		EventRedeem: Redeeming,
	},
	Redeeming: {
		EventAccept:  Redeeming,
		EventRedeem:  Redeeming,
		EventGiveUp:  Accepted,
		EventRelease: Released,
	},
	Released: {
		EventAccept:  Released,
		EventRedeem:  Released,
		EventGiveUp:  Released,
		EventRelease: Released,
	},
	Failed: {
		EventFail: Failed,
	},
}

// Next is the state after an event; fault.Conflict where the state forbids it,
// and then the state itself.
func (s State) Next(e Event) (State, error) {
	if next, ok := transitions[s][e]; ok {
		return next, nil
	}
	return s, fault.New(fault.Conflict, "an order that is %s cannot %s", s, e)
}
