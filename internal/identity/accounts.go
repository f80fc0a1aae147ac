package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Account is an account: the owner of resources and identities.
type Account struct {
	ID      string // 12 digits
	Name    string
	Email   string
	Created time.Time
}

// ARN is that of the account's root.
func (a Account) ARN() string { return rootARN(a.ID) }

var (
	// ErrAccountExists says that there is an account of the number.
	ErrAccountExists = errors.New("identity: the account exists already")
	// ErrNoAccount says that there is no account of the number.
	ErrNoAccount = errors.New("identity: no such account")
	// ErrAccountID says that a number is not one of 12 digits.
	ErrAccountID = errors.New("identity: an account's number has 12 digits")
	// ErrAccountName says that a name does not fit into a line of a credentials file.
	ErrAccountName = errors.New("identity: an account's name is of 1 to 50 characters of ASCII, without control characters and brackets")
)

// accountName is as on AWS, but for brackets, which end the name of a profile.
// See https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html.
var accountName = regexp.MustCompile(`^[ -Z\\^-~]{1,50}$`)

// CreateAccount makes an account, with a first key for its root. Without a number it
// gets a random one.
func (s *Service) CreateAccount(ctx context.Context, a Account) (Account, RootKey, error) {
	switch {
	case a.ID != "" && !validAccount(a.ID):
		return Account{}, RootKey{}, ErrAccountID
	case !accountName.MatchString(a.Name):
		return Account{}, RootKey{}, ErrAccountName
	}
	given := a.ID != ""
	a.Created = s.now().UTC().Truncate(time.Second)
	var key RootKey
	_, err := s.store.Update(ctx, func(tx kv.Txn) error {
		key = RootKey{}
		for {
			if !given {
				n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
				if err != nil {
					return err
				}
				a.ID = fmt.Sprint(n.Int64() + 100_000_000_000)
			}
			exists, err := load[account](ctx, tx, accountKey(a.ID))
			if err != nil {
				return err
			}
			if exists == nil {
				break
			}
			if given {
				return ErrAccountExists
			}
		}
		return s.newRootKey(ctx, tx, s.putAccount(ctx, tx, a), &key)
	})
	return a, key, err
}

// putAccount writes a new account and its root, which has no keys yet.
func (s *Service) putAccount(ctx context.Context, tx kv.Txn, a Account) (root *holder) {
	root = &holder{Kind: rootKind, Account: a.ID, ID: a.ID, Created: a.Created}
	store(tx, accountKey(a.ID), account{ID: a.ID, Name: a.Name, Email: a.Email, Created: a.Created})
	store(tx, holderKey(a.ID, rootKind, ""), root)
	renew(tx, a.ID)
	s.record(s.administering(ctx, a.ID, "organizations", "CreateAccount"), tx, Event{
		Account: a.ID, Resources: []Resource{{"AWS::Organizations::Account", a.ARN()}},
	})
	return root
}

// administering names an act that came over no API for the audit trail. Without a
// request to say who, the program itself did it, for whoever runs it.
func (s *Service) administering(ctx context.Context, id, service, operation string) context.Context {
	r := *api.RequestOf(ctx)
	r.Service, r.Operation = service, operation
	if r.Time.IsZero() {
		r.Time = s.now()
		r.Caller = api.Caller{Account: id, ARN: "modelwharf.internal", Type: api.ServiceCaller}
	}
	return api.WithRequest(ctx, &r)
}

// Account returns the account of a number, or ErrNoAccount.
func (s *Service) Account(ctx context.Context, id string) (Account, error) {
	var a Account
	err := s.store.View(ctx, func(r kv.Reader) error {
		rec, err := load[account](ctx, r, accountKey(id))
		if err != nil {
			return err
		}
		if rec == nil {
			return ErrNoAccount
		}
		a = rec.public()
		return nil
	})
	return a, err
}

// Accounts returns all accounts in the order of their numbers.
func (s *Service) Accounts(ctx context.Context) ([]Account, error) {
	var all []Account
	err := s.store.View(ctx, func(r kv.Reader) error {
		all = nil
		prefix := tuple.Of("identity", "account")
		for p, err := range r.Scan(ctx, kv.Range{From: prefix, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			rec, err := decode[account](p.Val)
			if err != nil {
				return err
			}
			all = append(all, rec.public())
		}
		return nil
	})
	return all, err
}

func (a *account) public() Account {
	return Account{ID: a.ID, Name: a.Name, Email: a.Email, Created: a.Created}
}
