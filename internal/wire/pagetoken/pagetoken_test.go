package pagetoken_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

func sealer(t testing.TB, secret string) *pagetoken.Sealer {
	t.Helper()
	s, err := pagetoken.New([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const secret = "a secret of this server, of length"

func TestTokenOpensOnlyForItsListing(t *testing.T) {
	t.Parallel()
	s := sealer(t, secret)
	l := pagetoken.Listing{Account: "000000000000", Region: "us-east-1", Operation: "iam:ListUsers", Parameters: []byte("/team/")}
	token := s.Seal(l, []byte("ada"))
	if got, err := s.Open(l, token); err != nil || string(got) != "ada" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := sealer(t, secret).Open(l, token); err != nil || string(got) != "ada" {
		t.Errorf("another server of the same secret: %q, %v", got, err)
	}
	if _, err := sealer(t, strings.ToUpper(secret)).Open(l, token); !errors.Is(err, pagetoken.ErrInvalid) {
		t.Errorf("another secret: %v", err)
	}
	for name, change := range map[string]func(*pagetoken.Listing){
		"account":    func(l *pagetoken.Listing) { l.Account = "111111111111" },
		"region":     func(l *pagetoken.Listing) { l.Region = "eu-west-1" },
		"operation":  func(l *pagetoken.Listing) { l.Operation = "iam:ListRoles" },
		"parameters": func(l *pagetoken.Listing) { l.Parameters = []byte("/") },
		"border":     func(l *pagetoken.Listing) { l.Operation, l.Parameters = "iam:ListUsers/", []byte("team/") },
	} {
		other := l
		change(&other)
		if _, err := s.Open(other, token); !errors.Is(err, pagetoken.ErrInvalid) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

func TestSecretMustBeLong(t *testing.T) {
	t.Parallel()
	if _, err := pagetoken.New(make([]byte, pagetoken.MinKey-1)); err == nil {
		t.Error("a short secret was taken")
	}
}

// FuzzOpen puts text in the place of a part of a token: what is not the token any
// more does not open. An arbitrary text does not open at all.
func FuzzOpen(f *testing.F) {
	s := sealer(f, secret)
	l := pagetoken.Listing{Account: "000000000000", Operation: "iam:ListUsers"}
	f.Add([]byte("ada"), uint8(0), uint8(0), "")
	f.Add([]byte("ada"), uint8(0), uint8(1), "A")
	f.Add([]byte{}, uint8(9), uint8(0), "\n")
	f.Add([]byte("ada"), uint8(255), uint8(0), "A")
	f.Add([]byte("ada"), uint8(2), uint8(255), "")
	f.Add([]byte("ada"), uint8(0), uint8(255), "!")
	f.Fuzz(func(t *testing.T, position []byte, at, length uint8, text string) {
		token := s.Seal(l, position)
		from := min(int(at), len(token))
		changed := token[:from] + text + token[min(from+int(length), len(token)):]
		got, err := s.Open(l, changed)
		switch {
		case (err == nil) != (changed == token):
			t.Errorf("%q made of %q: %v", changed, token, err)
		case err == nil && string(got) != string(position):
			t.Errorf("got %q, want %q", got, position)
		}
		if _, err := s.Open(l, text); err == nil {
			t.Errorf("%q was opened", text)
		}
	})
}
