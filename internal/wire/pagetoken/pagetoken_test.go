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

// FuzzOpen changes a token: none but the token itself opens.
func FuzzOpen(f *testing.F) {
	s := sealer(f, secret)
	l := pagetoken.Listing{Account: "000000000000", Operation: "iam:ListUsers"}
	token := s.Seal(l, []byte("ada"))
	f.Add(token)
	f.Add(token + "A")
	f.Add(token + "\n")
	f.Add(token[:len(token)-2])
	f.Add("")
	f.Add("AQ")
	f.Add("!")
	f.Fuzz(func(t *testing.T, changed string) {
		if _, err := s.Open(l, changed); (err == nil) != (changed == token) {
			t.Errorf("%q: %v", changed, err)
		}
	})
}
