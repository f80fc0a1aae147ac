// Package quota reads how much of something there may be. A service lists what it bounds;
// who runs the server may set another value.
package quota

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Quota is something that a service bounds.
type Quota struct {
	Name    string // "ecr-images"
	Default int64
	Text    string // what is bounded: "images in a repository"
}

// Values are the quotas that were set, by name.
type Values map[string]int64

// Of is the value of a quota.
func (v Values) Of(q Quota) int64 {
	if n, ok := v[q.Name]; ok {
		return n
	}
	return q.Default
}

// Parse reads settings of the form NAME=VALUE. The error names what is known.
func Parse(settings []string, known []Quota) (Values, error) {
	v := Values{}
	for _, s := range settings {
		name, text, _ := strings.Cut(s, "=")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("--quota %s: a quota looks like NAME=VALUE, with a whole number", s)
		}
		if !slices.ContainsFunc(known, func(q Quota) bool { return q.Name == name }) {
			var names []string
			for _, q := range known {
				names = append(names, q.Name)
			}
			return nil, fmt.Errorf("--quota %s: there is no such quota; there are %s", s, strings.Join(names, ", "))
		}
		v[name] = n
	}
	return v, nil
}
