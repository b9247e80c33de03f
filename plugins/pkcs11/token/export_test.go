package token

// CloseAllSessions does to the pool what another user of the module could do, or the removal of the token.
func CloseAllSessions(t *Token) error {
	t.mu.Lock()
	slot := t.slot
	t.mu.Unlock()
	return t.module.lib.CloseAllSessions(slot)
}

// Logout ends the login behind the pool's back.
func Logout(t *Token) error { return t.module.lib.Logout(t.anchor) }
