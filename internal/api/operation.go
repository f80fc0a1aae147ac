// Package api is the contract between the wire protocols and the services: what
// an operation is, what a request says of itself, how an error is built, and how
// a value that breaks a service model is reported in AWS's words.
//
// The sub-packages, one a service, hold the shapes, checks and operation tables
// that api/gen makes from AWS's own service models. They contain no behaviour:
// a protocol (package wire) fills an input, a service answers it.
package api

import "context"

//go:generate go run ./gen -out .

// Protocol is the form in which a service's requests and answers travel.
type Protocol string

// The protocols that AWS's services speak.
const (
	JSON10   Protocol = "json-1.0"
	JSON11   Protocol = "json-1.1"
	RESTJSON Protocol = "rest-json"
	Query    Protocol = "query"
)

// Service describes one AWS service as far as it exists here.
type Service struct {
	Name           string   // the name in ARNs, policies and the audit log, "dynamodb"
	SigningName    string   // the name in a signature's credential scope
	Protocol       Protocol // how its requests travel
	TargetPrefix   string   // X-Amz-Target before the dot, for the JSON protocols
	Version        string   // the API version, "2012-08-10": Query's Version parameter
	XMLNamespace   string   // of Query answers
	ErrorNamespace string   // before the '#' of __type, for the JSON protocols
	CRC32          bool     // answers carry x-amz-crc32
	CBOR           bool     // requests may travel as RPC v2 CBOR, too
	Operations     []Operation
	// Invalid makes the error of an input that breaks the service model; nil for
	// ValidationException, which names all violations.
	Invalid func(v *Violations) *Error
	// NotYet names the operations that AWS has and this version has not.
	NotYet []string
	// NotYetAt says, for a REST service, where those are asked for.
	NotYetAt map[string]HTTP
}

// HTTP is where an operation of a REST service is asked for, and the status of its
// answer.
type HTTP struct {
	Method string
	URI    string // "/2015-03-31/functions/{FunctionName}", maybe with a query
	Status int
}

// Operation is one row of a service's operation table.
type Operation struct {
	Name string
	// NewInput returns a new, empty input for a protocol to fill.
	NewInput func() Input
	// Call answers a filled and validated input. Errors other than *Error are
	// internal: the client is told no more than that.
	Call func(ctx context.Context, in Input) (any, error)
	HTTP HTTP // of a REST service
}

// At returns the operation with where a REST service is asked for it.
func (o Operation) At(method, uri string, status int) Operation {
	o.HTTP = HTTP{method, uri, status}
	return o
}

// Input is what an operation is asked. How it is read off the wire is between
// the generated packages and package wire.
type Input interface {
	// Validate reports every way in which the input breaks the service model.
	Validate(v *Violations)
}

// Op makes an operation of a service's method.
func Op[I any, PI interface {
	*I
	Input
}, O any](name string, method func(context.Context, *I) (*O, error)) Operation {
	return Operation{
		Name:     name,
		NewInput: func() Input { return PI(new(I)) },
		Call: func(ctx context.Context, in Input) (any, error) {
			out, err := method(ctx, (*I)(in.(PI)))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}
