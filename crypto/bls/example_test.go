package bls

import "fmt"

func ExamplePublicKey_Verify() {
	k := NewPrivateKey()
	defer k.Clear()
	sig := k.Sign(DomainEnvelope, []byte("hello"))

	// The other side has 48 bytes and their proof.
	public, _ := ParsePublicKey(k.Public().Bytes())
	fmt.Println(public.VerifyPossession(k.ProvePossession()))
	fmt.Println(public.Verify(DomainEnvelope, []byte("hello"), sig))
	fmt.Println(public.Verify(DomainRequest, []byte("hello"), sig))
	// Output:
	// <nil>
	// <nil>
	// BLS signature does not verify
}
