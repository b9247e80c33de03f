//go:build !unix

package guard

import "errors"

func lockedPage(int) ([]byte, error) {
	return nil, errors.New("this system locks no memory")
}

func unlockPage([]byte) {}
