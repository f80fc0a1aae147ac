package policy

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base32"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// Managed is a policy that AWS offers in every account. It has one version, "v1",
// and cannot be changed.
type Managed struct {
	Name        string `json:"name"`
	ARN         string `json:"-"`
	Path        string `json:"path"`
	ID          string `json:"-"` // ANPA…: the same everywhere, though not AWS's own
	Description string `json:"description"`
	Document    string `json:"-"` // JSON, indented
	Policy      *Policy
}

// managed.json grants what AWS's policies of these names grant, as far as their
// services exist here or clients ask for them; the wording is ours.
//
//go:embed managed.json
var managedJSON []byte

var managed = sync.OnceValue(func() []*Managed {
	var list []struct {
		Managed
		Document json.RawMessage `json:"document"`
	}
	if err := json.Unmarshal(managedJSON, &list); err != nil {
		panic("managed.json: " + err.Error()) // a test parses the file
	}
	all := make([]*Managed, 0, len(list))
	for _, e := range list {
		m := &e.Managed
		if m.Path == "" {
			m.Path = "/"
		}
		m.ARN = "arn:aws:iam::aws:policy" + m.Path + m.Name
		sum := sha256.Sum256([]byte(m.ARN))
		m.ID = "ANPA" + base32.StdEncoding.EncodeToString(sum[:])[:17]
		var doc bytes.Buffer
		if err := json.Indent(&doc, e.Document, "", "  "); err != nil {
			panic("managed.json: " + m.Name + ": " + err.Error())
		}
		m.Document = doc.String()
		p, err := Parse(e.Document, Identity)
		if err != nil {
			panic("managed.json: " + m.Name + ": " + err.Error())
		}
		m.Policy = p
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Managed) int { return strings.Compare(a.Name, b.Name) })
	return all
})

// ManagedByARN finds a managed policy.
func ManagedByARN(arn string) (*Managed, bool) {
	for _, m := range managed() {
		if m.ARN == arn {
			return m, true
		}
	}
	return nil, false
}

// AllManaged returns the managed policies in the order of their names. They must
// not be changed.
func AllManaged() []*Managed { return slices.Clone(managed()) }
