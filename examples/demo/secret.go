package main

import (
	"fmt"
	"io"
	"os"

	"github.com/milagro-dta/dta/protocol/order"
)

const defaultSecret = "The treasure is buried under the third palm tree from the left.\n"

// readSecret reads the file, or gives the default text. What no node would take
// is refused here, before anything is started.
func readSecret(file string) ([]byte, error) {
	if file == "" {
		return []byte(defaultSecret), nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read the secret: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, order.MaxSecret+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the secret: %w", err)
	case len(b) == 0:
		return nil, fmt.Errorf("%s is empty: a secret has 1 to %d bytes", file, order.MaxSecret)
	case len(b) > order.MaxSecret:
		return nil, fmt.Errorf("%s is too large: a secret has at most %d bytes (256 KiB); keep a larger file encrypted elsewhere and its key here", file, order.MaxSecret)
	}
	return b, nil
}
