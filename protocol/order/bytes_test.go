package order

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/milagro-dta/dta/crypto/secret"
)

// left is how many bytes of blocks an order leaves, placed by the principal and
// redeemed by the beneficiary, when every fiduciary has answered.
type left struct {
	order, acceptance, redemption, release int // one envelope each
	// What the parties store. A fiduciary has its own acceptance and release alone.
	fiduciary, principal, beneficiary int
}

// weigh plays an order of 32 bytes through, with n fiduciaries of which half are
// needed, and weighs it.
func weigh(t *testing.T, n int) left {
	t.Helper()
	r := newRealm(t, n)
	h := r.run(t, r.plan(Secret, (n+1)/2), secret.Random(32), r.beneficiary, r.beneficiary)
	l := left{
		order:      len(h.order.Block()),
		acceptance: len(h.acceptances[0].Block()),
		redemption: len(h.redemption.Block()),
		release:    len(h.releases[0].Block()),
	}
	deposit, err := PutDeposit(bytes.Repeat([]byte{1}, 368)) // as softhsm-demo makes it of a share
	if err != nil {
		t.Fatal(err)
	}
	share, released, ciphertext := len(h.placed.Detached[0].Bytes), len(h.released[0].Bytes), len(h.ciphertext())
	l.fiduciary = l.order + l.redemption + l.acceptance + l.release + share + ciphertext + len(deposit.Bytes) + released
	l.principal = l.order + l.redemption + ciphertext
	l.beneficiary = l.principal
	for i := range n {
		signed := len(h.acceptances[i].Block()) + len(h.releases[i].Block())
		l.principal += signed + len(h.placed.Detached[i].Bytes) + len(deposit.Bytes)
		l.beneficiary += signed + len(h.released[i].Bytes)
	}
	return l
}

func TestOthersOfAnOrderCostAFiduciaryLittle(t *testing.T) {
	sizes := []int{1, 5, 16}
	var found []left
	for _, n := range sizes {
		found = append(found, weigh(t, n))
	}
	t.Log(table(sizes, found))
	const most = 4608 // bytes that each further fiduciary adds to what one of them stores
	for i, l := range found[1:] {
		if one := found[0]; l.acceptance != one.acceptance || l.release != one.release {
			t.Errorf("expected an acceptance of %d bytes and a release of %d at every n, found %d and %d at n = %d",
				one.acceptance, one.release, l.acceptance, l.release, sizes[i+1])
		}
		if more := (l.fiduciary - found[i].fiduciary) / (sizes[i+1] - sizes[i]); more > most {
			t.Errorf("expected each fiduciary from %d to %d to add at most %d bytes, found %d", sizes[i], sizes[i+1], most, more)
		}
	}
}

func table(sizes []int, found []left) string {
	var b bytes.Buffer
	b.WriteString("bytes that an order leaves, placed and redeemed\n\n")
	b.WriteString("| n | order | acceptance | redemption | release | a fiduciary stores | the principal | the beneficiary |\n")
	b.WriteString("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for i, l := range found {
		fmt.Fprintf(&b, "| %d | %d | %d | %d | %d | %d | %d | %d |\n",
			sizes[i], l.order, l.acceptance, l.redemption, l.release, l.fiduciary, l.principal, l.beneficiary)
	}
	last := len(found) - 1
	more := (found[last].fiduciary - found[0].fiduciary) / (sizes[last] - sizes[0])
	fmt.Fprintf(&b, "\neach further fiduciary adds %d bytes to what one of them stores\n", more)
	return b.String()
}
