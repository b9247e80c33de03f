package directory

import "time"

// Forget has a peer asked again for who it is.
func Forget(p *Peer) { p.asked = time.Time{} }
