package api

import (
	"fmt"
	"strings"
)

// Violations collects the ways in which an input breaks its service model and
// reports them together in AWS's words:
//
//	2 validation errors detected: Value 'x' at 'tableName' failed to satisfy
//	constraint: …; Value null at 'key' failed to satisfy constraint: Member must
//	not be null
type Violations struct {
	list []string
}

// Add notes that the value at path breaks a constraint. value is written as AWS
// writes it: quoted, or null.
func (v *Violations) Add(path, value, constraint string) {
	v.list = append(v.list, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", value, path, constraint))
}

// Err returns the ValidationException that names all violations, or nil.
func (v *Violations) Err() error {
	switch n := len(v.list); n {
	case 0:
		return nil
	case 1:
		return ValidationException("1 validation error detected: %s", v.list[0])
	default:
		return ValidationException("%d validation errors detected: %s", n, strings.Join(v.list, "; "))
	}
}
