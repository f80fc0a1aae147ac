package policy

// Managed is a policy that AWS offers in every account.
type Managed struct {
	Name        string
	ARN         string
	Path        string
	ID          string // ANPA…
	Description string
	Document    string // JSON
	Policy      *Policy
}

// ManagedByARN finds a managed policy.
func ManagedByARN(arn string) (*Managed, bool) { return nil, false }

// AllManaged returns the managed policies in the order of their names.
func AllManaged() []*Managed { return nil }
