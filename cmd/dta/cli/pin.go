package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/secret"
)

// maxPINLine bounds what is read for a PIN, in bytes.
const maxPINLine = 64

var errPIN = &usageError{errors.New("PIN: expected four digits")}

// pins asks for PINs: at the terminal, without showing them, or from the lines of
// the standard input.
type pins struct {
	a     *app
	stdin bool
}

// pinStdin is what --pin-stdin does.
const pinStdin = "read the PIN from the standard input, a line each, instead of asking at the terminal"

// known asks for a PIN that somebody has.
func (p pins) known(ctx context.Context, ask string) (int, error) {
	line, err := p.line(ctx, ask)
	if err != nil {
		return 0, err
	}
	return parsePIN(line)
}

// chosen asks for a new PIN: at the terminal twice.
func (p pins) chosen(ctx context.Context, ask string) (int, error) {
	pin, err := p.known(ctx, ask)
	if err != nil || p.stdin {
		return pin, err
	}
	again, err := p.known(ctx, "Once more: ")
	if err == nil && again != pin {
		err = usagef("PIN: the two are not the same")
	}
	return pin, err
}

// parsePIN reads four digits, and clears them.
func parsePIN(line []byte) (pin int, err error) {
	defer secret.Clear(line)
	if len(line) != len(fmt.Sprint(mpin.PINs))-1 {
		return 0, errPIN
	}
	for _, digit := range line {
		if digit < '0' || digit > '9' {
			return 0, errPIN
		}
		pin = 10*pin + int(digit-'0')
	}
	return pin, nil
}

func (p pins) line(ctx context.Context, ask string) ([]byte, error) {
	if p.stdin {
		return readLine(p.a.in)
	}
	tty, ok := p.a.in.(*os.File)
	if !ok || !term.IsTerminal(int(tty.Fd())) {
		var err error
		if tty, err = os.OpenFile("/dev/tty", os.O_RDWR, 0); err != nil {
			return nil, usagef("PIN: expected a terminal to ask at; --pin-stdin reads it from the standard input")
		}
		defer tty.Close()
	}
	return readHidden(ctx, tty, ask, p.a.err)
}

// readHidden reads a line of a terminal that does not show it. Interrupted, it
// leaves the terminal as it was.
func readHidden(ctx context.Context, tty *os.File, ask string, out io.Writer) ([]byte, error) {
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("ask for the PIN: %w", err)
	}
	type got struct {
		line []byte
		err  error
	}
	read := make(chan got, 1)
	fmt.Fprint(out, ask)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- got{line, err}
	}()
	select {
	case r := <-read:
		fmt.Fprintln(out)
		if r.err != nil {
			return nil, usagef("PIN: it was not entered")
		}
		return r.line, nil
	case <-ctx.Done():
		fmt.Fprintln(out)
		_ = term.Restore(fd, before)
		return nil, ctx.Err()
	}
}

// readLine reads one line and not a byte more: what follows is another's to read.
func readLine(in io.Reader) ([]byte, error) {
	line, one := make([]byte, 0, maxPINLine), make([]byte, 1)
	defer secret.Clear(one)
	for len(line) < cap(line) {
		n, err := in.Read(one)
		if n == 1 && one[0] == '\n' {
			break
		}
		line = append(line, one[:n]...)
		if errors.Is(err, io.EOF) && len(line) > 0 {
			break
		}
		if err != nil {
			secret.Clear(line)
			return nil, usagef("PIN: expected a line on the standard input")
		}
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}
