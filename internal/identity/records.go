package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// Records are stored as JSON: they are few, small and read into caches, and a
// field can be added to them at any time. Names are compared without regard to
// case, so keys hold them in lower case.

// account is an account's record.
type account struct {
	ID      string
	Name    string
	Email   string `json:",omitzero"`
	Alias   string `json:",omitzero"`
	Created time.Time
}

// holder is a user, group, role or account's root: whatever policies are attached
// to. It has them in it, so that one read tells what it may do.
type holder struct {
	Kind     kind
	Account  string
	Name     string
	Path     string
	ID       string
	Created  time.Time
	Tags     []tag    `json:",omitzero"`
	Boundary string   `json:",omitzero"` // the permissions boundary's ARN
	Attached []string `json:",omitzero"` // ARNs of managed policies
	Inline   []inline `json:",omitzero"` // by name

	Groups     []string `json:",omitzero"` // of a user: keys of the groups' names
	AccessKeys []string `json:",omitzero"` // of a user or root: ids, in the order of creation
	Members    int      `json:",omitzero"` // of a group

	Trust string `json:",omitzero"` // of a role: its trust policy
	// Trusted holds the unique ids, by ARN, of the users and roles that Trust names.
	Trusted     map[string]string `json:",omitzero"`
	Description string            `json:",omitzero"`
	MaxSession  time.Duration     `json:",omitzero"`
}

type tag struct{ Key, Value string }

type inline struct{ Name, Document string }

func (h *holder) arn() string {
	if h.Kind == rootKind {
		return rootARN(h.Account)
	}
	return iamARN(h.Account, string(h.Kind)+h.Path+h.Name)
}

func (h *holder) inline(name string) (int, bool) {
	return slices.BinarySearchFunc(h.Inline, name, func(p inline, name string) int { return strings.Compare(p.Name, name) })
}

// accessKey is an access key's record. Its key in the store is bound to the
// sealed secret, so that no secret can be moved to another key.
type accessKey struct {
	ID      string
	Account string
	Kind    kind   // userKind or rootKind
	User    string // "" for root
	UserID  string
	Active  bool
	Created time.Time
	Given   bool `json:",omitzero"` // by the administrator, not made here
	Sealed  []byte
}

// managed is a customer's managed policy.
type managed struct {
	Account     string
	Name        string
	Path        string
	ID          string
	Description string `json:",omitzero"`
	Created     time.Time
	Updated     time.Time
	Tags        []tag           `json:",omitzero"`
	Versions    []policyVersion // by number
	Default     int
	Last        int // the highest number ever given
	Attachments int // users, groups and roles that it is attached to
	Boundaries  int // users and roles whose boundary it is
}

type policyVersion struct {
	Number   int
	Document string
	Created  time.Time
}

func (v policyVersion) id() string { return fmt.Sprint("v", v.Number) }

func (m *managed) arn() string { return iamARN(m.Account, "policy"+m.Path+m.Name) }

// version returns the index of a version by its number.
func (m *managed) version(number int) (int, bool) {
	return slices.BinarySearchFunc(m.Versions, number, func(v policyVersion, n int) int { return v.Number - n })
}

func (m *managed) document() string {
	if i, ok := m.version(m.Default); ok {
		return m.Versions[i].Document
	}
	return ""
}

// lastUse is when and for what a key or role was last used, to the minute or so.
type lastUse struct {
	Time            time.Time
	Service, Region string
}

// The keys of the room.
func accountKey(id string) []byte      { return tuple.Of("identity", "account", id) }
func accessKeyKey(id string) []byte    { return tuple.Of("identity", "access-key", id) }
func lastUseKey(id string) []byte      { return tuple.Of("identity", "last-use", id) }
func generationKey(acct string) []byte { return tuple.Of("identity", "generation", acct) }
func fold(name string) string          { return strings.ToLower(name) }
func listKey(acct, what string) []byte { return tuple.Of("identity", "in", acct, what) }
func managedKey(acct, name string) []byte {
	return tuple.Of("identity", "in", acct, "policy", fold(name))
}
func holderKey(acct string, k kind, name string) []byte {
	return tuple.Of("identity", "in", acct, string(k), fold(name))
}

// memberKey says that a user is in a group.
func memberKey(acct, group, user string) []byte {
	return tuple.Of("identity", "in", acct, "member", fold(group), fold(user))
}

// attachedKey says that a holder has a managed policy, as a policy or a boundary.
func attachedKey(acct, policyARN, use string, k kind, name string) []byte {
	return tuple.Of("identity", "in", acct, "attached", policyARN, use, string(k), fold(name))
}

const (
	asPolicy   = "policy"
	asBoundary = "boundary"
)

// load reads the record of a key, nil if there is none.
func load[T any](ctx context.Context, r kv.Reader, key []byte) (*T, error) {
	val, err := r.Get(ctx, key)
	if val == nil || err != nil {
		return nil, err
	}
	return decode[T](val)
}

func decode[T any](val []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(val, v); err != nil {
		return nil, fmt.Errorf("identity: a damaged record: %w", err)
	}
	return v, nil
}

func store(tx kv.Txn, key []byte, record any) {
	val, err := json.Marshal(record)
	if err != nil {
		panic(err) // the records hold nothing that JSON cannot
	}
	tx.Put(key, val)
}
