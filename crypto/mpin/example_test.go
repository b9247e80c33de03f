package mpin_test

import (
	"bytes"
	"fmt"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
)

// Two authorities, a server and a person with the PIN 1234 who first mistypes
// it.
func Example() {
	suite := mpin.V1
	network := bytes.Repeat([]byte{1}, 36) // The CID of the network's terms.
	alice, err := suite.IdentityOf(network, "alice@example.org", 1)
	check(err)

	// Each authority multiplies by its share; who they issue to adds up.
	s1, s2 := bls.RandomScalar(), bls.RandomScalar()
	ss1, err := suite.ServerShare(s1)
	check(err)
	ss2, err := suite.ServerShare(s2)
	check(err)
	serverSecret, err := suite.CombineServer(ss1, ss2)
	check(err)
	server, err := suite.NewServer(serverSecret)
	check(err)

	cs1, err := suite.ClientShare(s1, alice)
	check(err)
	cs2, err := suite.ClientShare(s2, alice)
	check(err)
	clientSecret, err := suite.CombineClient(cs1, cs2)
	check(err)
	token, err := suite.ExtractPIN(clientSecret, alice, 1234)
	check(err)
	clientSecret.Clear()

	for _, pin := range []int{1243, 1234} {
		prover, err := suite.NewProver(mpin.Login{Identity: alice, Token: token, PIN: pin})
		check(err)
		commitment, err := suite.ParseCommitment(suite.CommitmentBytes(prover.Commitment())) // to the server
		check(err)
		session, err := server.Begin(mpin.Claim{Identity: alice, Commitment: commitment})
		check(err)
		v, err := prover.Respond(session.Challenge()) // to the client, and back
		check(err)
		if err := session.Verify(v); err != nil {
			distance, found := session.PINError()
			fmt.Println(err, distance, found)
			continue
		}
		z, err := prover.Exchange() // to the server
		check(err)
		w, serverKey, err := session.Exchange(z)
		check(err)
		clientKey, err := prover.Key(w) // to the client
		check(err)
		fmt.Println("accepted, one key:", clientKey.Equal(serverKey.Open()))
		prover.Clear()
	}
	// Output:
	// the proof is rejected 9 true
	// accepted, one key: true
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
