//go:build linux

package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/milagro-dta/dta/crypto/bls"
	"github.com/milagro-dta/dta/crypto/mpin"
	"github.com/milagro-dta/dta/crypto/seal"
	"github.com/milagro-dta/dta/host/systest/rig"
)

// batch is one kind of request, asked again and again.
type batch struct {
	name           string
	kind           string
	subjects, days int
	requests       int
}

func (b batch) points() int { return b.subjects * max(b.days, 1) }

// BenchmarkIssuing asks one D-TA, in processes of its own, for client secrets and
// permits. Beside what host and plugin spend on each stands what nobody could leave
// out.
func BenchmarkIssuing(b *testing.B) {
	f := rig.Federate(b, 1, rig.Options{})
	ctx := context.Background()
	n, err := f.Registrar.Client().CreateNetwork(ctx, "", map[string]any{"name": "bench", "fiduciaries": []string{"dta-1"}})
	fatal(b, err)
	receiver, err := seal.V2.NewPrivateKey()
	fatal(b, err)
	for range b.N {
		fmt.Printf("\n| request | a D-TA issues per s | its CPU µs each | bare µs | bare / CPU |\n| --- | ---: | ---: | ---: | ---: |\n")
		for i, batch := range []batch{
			{"1 client secret", "client-secret", 1, 0, 100},
			{"256 client secrets", "client-secret", 256, 0, 12},
			{"1024 client secrets", "client-secret", 1024, 0, 5},
			{"4096 client secrets", "client-secret", 4096, 0, 3},
			{"1 permit", "time-permit", 1, 1, 100},
			{"31 permits of one person", "time-permit", 1, 31, 60},
			{"248 permits of 8 people", "time-permit", 8, 31, 12},
			{"3968 permits of 128 people", "time-permit", 128, 31, 3},
		} {
			var took, spent time.Duration
			must := []time.Duration{bare(b)}
			for round := range batch.requests {
				before, begin := cpu(b, f.Members[0].PID()), time.Now()
				issueOnce(b, ctx, f, n, receiver, batch, fmt.Sprintf("%d-%d", i, round))
				took, spent = took+time.Since(begin), spent+cpu(b, f.Members[0].PID())-before
				if batch.points() >= 1000 || round == batch.requests-1 {
					must = append(must, bare(b))
				}
			}
			points := time.Duration(batch.requests * batch.points())
			each, least := spent/points, median(must)
			ratio := float64(least) / float64(each)
			fmt.Printf("| %s | %.0f | %d | %d | %.2f |\n", batch.name, float64(points)/took.Seconds(), each.Microseconds(), least.Microseconds(), ratio)
			b.ReportMetric(ratio, fmt.Sprintf("%s-%d-ratio", batch.kind, batch.points()))
		}
	}
	b.ReportMetric(0, "ns/op")
}

func issueOnce(b *testing.B, ctx context.Context, f *rig.Federation, n rig.Network, receiver *seal.PrivateKey, batch batch, round string) {
	b.Helper()
	var names []string
	for i := range batch.subjects {
		names = append(names, fmt.Sprintf("person-%d-%s@example.com", i, round))
	}
	body := map[string]any{"names": names, "enrolment": 1}
	if batch.days > 0 {
		body["days"] = batch.days
	}
	got, err := f.Registrar.Client().Issue(ctx, n.Reference, batch.kind, "", receiver, body)
	fatal(b, err)
	if got.State != "issued" {
		b.Fatalf("expected it to be issued; found %q: %v", got.State, got.Faults)
	}
}

// bare measures what issuing consists of, hashing to G1 and one multiplication. It
// is measured between the requests: the machine is not equally fast at all times.
func bare(b *testing.B) time.Duration {
	b.Helper()
	s := bls.RandomScalar()
	var name int
	return cost(b, func() error {
		name++
		id, err := mpin.V1.IdentityOf(make([]byte, 36), fmt.Sprintf("person-%d@example.com", name), 1)
		if err != nil {
			return err
		}
		point, err := mpin.V1.HashIdentity(id)
		if err != nil {
			return err
		}
		point.Mul(s)
		return nil
	})
}

// BenchmarkLogin measures both sides of a login, in suite dta-v1 with permits.
func BenchmarkLogin(b *testing.B) {
	suite, s, day := mpin.V1, bls.RandomScalar(), uint32(20_000)
	id, err := suite.IdentityOf(make([]byte, 36), "person-1@example.com", 1)
	fatal(b, err)
	secret, err := suite.ClientShare(s, id)
	fatal(b, err)
	token, err := suite.ExtractPIN(secret, id, 1234)
	fatal(b, err)
	permit, err := suite.PermitShare(s, id, day)
	fatal(b, err)
	key, err := suite.ServerShare(s)
	fatal(b, err)
	server, err := suite.NewServer(key)
	fatal(b, err)
	for range b.N {
		fmt.Printf("\n| a login | client CPU µs | server CPU µs |\n| --- | ---: | ---: |\n")
		for _, full := range []bool{false, true} {
			client, serving := login(b, suite, mpin.Login{Identity: id, Token: token, PIN: 1234, Permit: permit}, server, full)
			name := "two passes"
			if full {
				name = "M-Pin Full"
			}
			fmt.Printf("| %s | %d | %d |\n", name, client.Microseconds(), serving.Microseconds())
		}
	}
	b.ReportMetric(0, "ns/op")
}

// login is the median cost of each side over many logins.
func login(b *testing.B, suite mpin.Suite, l mpin.Login, server *mpin.Server, full bool) (client, serving time.Duration) {
	b.Helper()
	const rounds = 101
	clients, servers := make([]time.Duration, rounds), make([]time.Duration, rounds)
	for i := range rounds {
		var atClient, atServer time.Duration
		on := func(side *time.Duration, work func() error) {
			begin := thread()
			fatal(b, work())
			*side += thread() - begin
		}
		onThread(func() {
			var p *mpin.Prover
			var session *mpin.Session
			var v, w, z *bls.G1
			on(&atClient, func() (err error) { p, err = suite.NewProver(l); return err })
			on(&atServer, func() (err error) {
				session, err = server.Begin(mpin.Claim{Identity: l.Identity, Day: p.Day(), Commitment: p.Commitment()})
				return err
			})
			on(&atClient, func() (err error) { v, err = p.Respond(session.Challenge()); return err })
			on(&atServer, func() error { return session.Verify(v) })
			if !full {
				return
			}
			on(&atClient, func() (err error) { z, err = p.Exchange(); return err })
			on(&atServer, func() (err error) { w, _, err = session.Exchange(z); return err })
			on(&atClient, func() error { _, err := p.Key(w); return err })
		})
		clients[i], servers[i] = atClient, atServer
	}
	return median(clients), median(servers)
}
