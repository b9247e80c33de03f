package token

import (
	"sync"
	"time"

	"github.com/milagro-dta/dta/crypto/secret"
)

// exclusion keeps the processes of this machine from writing to the tokens of a module at once, and from connecting
// while another writes. It helps libraries whose processes share files: SoftHSM overlooks what another process wrote
// just before it writes itself, and takes a token that is being logged in to for a broken one. It cannot be relied on:
// other machines and containers do not see the lock, and one that is held for long is not waited for.
//
// Within a process it is held as often as anybody asks for it.
type exclusion struct {
	name    string
	mu      sync.Mutex
	holders int
	unlock  func() // nil: not locked
}

// exclusivePatience bounds the wait for another process.
const exclusivePatience = 5 * time.Second

func (e *exclusion) enter() (leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holders++
	for end := time.Now().Add(exclusivePatience); e.unlock == nil && time.Now().Before(end); {
		if e.unlock = lockName(e.name); e.unlock == nil {
			time.Sleep(time.Duration(1+secret.Random(1).Open()[0]%8) * time.Millisecond)
		}
	}
	return sync.OnceFunc(func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.holders--; e.holders == 0 && e.unlock != nil {
			e.unlock()
			e.unlock = nil
		}
	})
}

// Exclusive keeps other processes of this machine from writing to the token until release is called, as far as that
// goes: see exclusion.
func (t *Token) Exclusive() (release func()) { return t.module.exclusion.enter() }
