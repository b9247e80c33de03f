package order

import (
	"testing"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestStatesFollowTheTable(t *testing.T) {
	const no = State("conflict")
	events := []Event{EventAccept, EventRedeem, EventGiveUp, EventRelease, EventFail}
	for from, want := range map[State][]State{
		//            accept    redeem     give up   release   fail
		Ordered:   {Accepted, no, no, no, Failed},
		Accepted:  {Accepted, Redeeming, no, no, no},
		Redeeming: {Redeeming, Redeeming, Accepted, Released, no},
		Released:  {Released, Released, Released, Released, no},
		Failed:    {no, no, no, no, Failed},
	} {
		for i, e := range events {
			t.Run(string(from)+" "+string(e), func(t *testing.T) {
				got, err := from.Next(e)
				if want[i] == no {
					wantKind(t, err, fault.Conflict)
					if got != from {
						t.Fatalf("a refused event moved the order to %s", got)
					}
					return
				}
				if err != nil || got != want[i] {
					t.Fatalf("expected %s, found %s, %v", want[i], got, err)
				}
			})
		}
	}
}

func TestUnknownStatesGoNowhere(t *testing.T) {
	for _, s := range []State{"", "Accepted", "lost"} {
		_, err := s.Next(EventAccept)
		wantKind(t, err, fault.Conflict)
	}
}
