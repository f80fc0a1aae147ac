// Package platform has the parts of a model platform as Pulumi components: a model catalog, a
// prediction cache, repositories of dependencies, repositories of images, and a catalog from
// which other teams launch models. They make the same things on Modelwharf and on AWS.
//
// A nil pointer to arguments, and a field that is not set, stand for the names and settings of
// the documentation; each component's outputs are its fields.
package platform

import (
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Run runs a program, and exports what it returns.
func Run(program func(*pulumi.Context) (pulumi.Map, error)) {
	pulumi.Run(func(ctx *pulumi.Context) error {
		exports, err := program(ctx)
		for name, value := range exports {
			ctx.Export(name, value)
		}
		return err
	})
}

// statement is one of a policy.
type statement struct {
	Sid       string `json:",omitempty"`
	Effect    string
	Principal map[string][]string `json:",omitempty"`
	Action    []string
	Resource  string                       `json:",omitempty"`
	Condition map[string]map[string]string `json:",omitempty"`
}

// policy returns a policy as a document.
func policy(statements ...statement) (string, error) {
	b, err := json.Marshal(struct {
		Version   string
		Statement []statement
	}{"2012-10-17", statements})
	return string(b), err
}

// named returns the name that was given, or the usual one.
func named(given, usual string) string {
	if given != "" {
		return given
	}
	return usual
}

// tagged returns tags, with those that were given over the usual ones.
func tagged(given map[string]string, usual map[string]string) pulumi.StringMap {
	all := pulumi.StringMap{}
	for _, tags := range []map[string]string{usual, given} {
		for key, value := range tags {
			all[key] = pulumi.String(value)
		}
	}
	return all
}
