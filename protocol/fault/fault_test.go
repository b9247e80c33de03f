package fault_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/milagro-dta/dta/protocol/fault"
)

func TestEveryKindKeepsItsMeaningAcrossGRPC(t *testing.T) {
	for _, k := range fault.Kinds() {
		t.Run(string(k), func(t *testing.T) {
			sent := fmt.Errorf("keep the secret: %w", fault.New(k, "slot %d", 7))
			got := fault.FromStatus(fault.ToStatus(sent))
			if fault.Of(got) != k {
				t.Errorf("kind: expected %s, found %s", k, fault.Of(got))
			}
			want := "keep the secret: slot 7"
			if k == fault.Internal {
				want = "internal error"
			}
			if got.Error() != want {
				t.Errorf("text: expected %q, found %q", want, got)
			}
		})
	}
}

func TestAKindSurvivesAPeerThatDropsTheDetails(t *testing.T) {
	for _, k := range fault.Kinds() {
		if got := fault.Of(fault.FromStatus(status.Error(k.GRPC(), "x"))); got != k {
			t.Errorf("%s came back as %s", k, got)
		}
	}
}

func TestKindsMapToTheCodesOfTheProtocol(t *testing.T) {
	for _, c := range []struct {
		kind fault.Kind
		http int
		grpc codes.Code
	}{
		{fault.Invalid, 400, codes.InvalidArgument},
		{fault.Denied, 403, codes.PermissionDenied},
		{fault.Unauthenticated, 401, codes.Unauthenticated},
		{fault.NotFound, 404, codes.NotFound},
		{fault.Gone, 410, codes.DataLoss},
		{fault.Conflict, 409, codes.AlreadyExists},
		{fault.Unsupported, 501, codes.Unimplemented},
		{fault.Busy, 429, codes.ResourceExhausted},
		{fault.Unavailable, 503, codes.Unavailable},
		{fault.Deadline, 504, codes.DeadlineExceeded},
		{fault.Internal, 500, codes.Internal},
		{fault.Kind("unheard of"), 500, codes.Internal},
	} {
		if c.kind.HTTP() != c.http || c.kind.GRPC() != c.grpc {
			t.Errorf("%s: expected %d and %s, found %d and %s", c.kind, c.http, c.grpc, c.kind.HTTP(), c.kind.GRPC())
		}
	}
	for _, k := range fault.Kinds() {
		if fault.OfHTTP(k.HTTP()) != k {
			t.Errorf("HTTP %d: expected %s, found %s", k.HTTP(), k, fault.OfHTTP(k.HTTP()))
		}
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"nothing wrong has no kind", nil, ""},
		{"an error nobody gave a kind is internal", io.EOF, fault.Internal},
		{"a deadline", fmt.Errorf("call: %w", context.DeadlineExceeded), fault.Deadline},
		{"a caller that went away", context.Canceled, fault.Deadline},
		{"the outermost kind counts", fault.New(fault.Unavailable, "log: %w", fault.New(fault.Invalid, "x")), fault.Unavailable},
		{"a kind below a wrapping", fmt.Errorf("a: %w", fault.New(fault.Busy, "x")), fault.Busy},
		{"a wrapped status", fmt.Errorf("a: %w", status.Error(codes.Aborted, "x")), fault.Conflict},
		{"a code no kind is sent as", status.Error(codes.Unknown, "x"), fault.Internal},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fault.Of(c.err); got != c.want {
				t.Errorf("expected %q, found %q", c.want, got)
			}
		})
	}
}

func TestInternalTextStaysHere(t *testing.T) {
	err := fmt.Errorf("open /var/lib/dta/db: %w", io.ErrUnexpectedEOF)
	if got := fault.Public(err); got != "internal error" {
		t.Errorf("found %q", got)
	}
	if got := fault.ToStatus(err).Error(); strings.Contains(got, "/var/lib") {
		t.Errorf("found %q", got)
	}
}

func TestNoAnswerGrowsWithWhatIsRefused(t *testing.T) {
	err := fault.New(fault.Invalid, "kind %q", strings.Repeat("é", 1<<20))
	got := fault.Public(err)
	if len(got) > 2100 || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
		t.Errorf("expected at most 2100 bytes of whole characters; found %d", len(got))
	}
	if short := fault.New(fault.Invalid, "%s", strings.Repeat("x", 2048)); fault.Public(short) != short.Error() {
		t.Error("expected a text of 2048 bytes to stay as it is")
	}
}

func TestTextFromAnotherProcessIsBounded(t *testing.T) {
	got := fault.FromStatus(status.Error(codes.NotFound, strings.Repeat("é", 1<<20)))
	if n := len(got.Error()); n > 1100 {
		t.Errorf("expected at most 1100 bytes, found %d", n)
	}
}

func TestTextFromAnotherProcessIsFitToBePrinted(t *testing.T) {
	got := fault.FromStatus(status.Error(codes.NotFound, "a\x1b[2J\nlevel=error \u202eall is well"))
	if want := "a[2J level=error all is well"; got.Error() != want || fault.Public(got) != want {
		t.Errorf("expected %q; found %q", want, got)
	}
}

func TestOnlyRefusalsAreFinal(t *testing.T) {
	final := map[fault.Kind]bool{
		fault.Invalid: true, fault.Unauthenticated: true, fault.Denied: true, fault.NotFound: true, fault.Gone: true, fault.Conflict: true, fault.Unsupported: true,
	}
	for _, k := range append(fault.Kinds(), "", "no such kind") {
		if k.Final() != final[k] {
			t.Errorf("%q: expected final %t; found %t", k, final[k], k.Final())
		}
	}
}
