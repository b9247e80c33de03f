package registrar

import "time"

// Hurry has a test wait less for D-TAs that do not answer.
func (s *Service) Hurry(d time.Duration) { s.patience = d }
