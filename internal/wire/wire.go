// Package wire is what the protocols of AWS's services have in common, as the
// server sees them. A server answers a request in these steps:
//
//	call, err := protocol.Open(r, body)       // which operation is asked for?
//	…                                         // who asks? authenticate, start the log
//	in, err := call.Input()                   // decode, check against the model
//	out, err := call.Operation.Call(ctx, in)  // the service's answer
//	err = protocol.WriteAnswer(w, requestID, call, out)
//
// and reports a failure of any step by WriteError. The protocols are in the
// sub-packages: awsjson, rpccbor, query and restjson. They do not read the request's body, which the
// caller has read, limited in size and authenticated; they keep nothing of it once
// Input has returned, but for the stream that an input of restjson may have in it.
package wire

import (
	"net/http"

	"github.com/modelwharf/modelwharf/internal/api"
)

// Protocol speaks one protocol for one service. It is safe for concurrent use.
type Protocol interface {
	// Service is the service that is spoken for.
	Service() *api.Service
	// Open finds the operation that a request asks for. If the service has no such
	// operation, the error says so and the call has only its Name.
	Open(r *http.Request, body []byte) (Call, *api.Error)
	// WriteAnswer writes the output of a call. It fails, having written nothing, if
	// the output cannot be written in the protocol; errors of the connection are
	// not reported.
	WriteAnswer(w http.ResponseWriter, requestID string, call Call, out any) error
	// WriteError writes a failure.
	WriteError(w http.ResponseWriter, requestID string, err *api.Error)
}

// Streamer is a Protocol that has operations whose input is a stream: then Open gets no body,
// and the input reads what the request's is when Input is called.
type Streamer interface {
	// Streams tells whether a request asks for such an operation.
	Streams(r *http.Request) bool
}

// Call is a request for an operation.
type Call struct {
	Name      string         // as asked for; not to be trusted if Operation is nil
	Operation *api.Operation // nil if there is none of that name
	Decode    func() (api.Input, error)
	// Invalid makes the error of an input that breaks the service's model; nil for
	// ValidationException.
	Invalid func(v *api.Violations) *api.Error
}

// Input decodes what is asked and checks it against the service's model. The error
// is an *api.Error.
func (c Call) Input() (api.Input, error) {
	in, err := c.Decode()
	if err != nil {
		return nil, err
	}
	var v api.Violations
	if in.Validate(&v); v.Message() != "" {
		if c.Invalid != nil {
			return nil, c.Invalid(&v)
		}
		return nil, v.Err()
	}
	return in, nil
}

// Table finds the operations of a service by name.
type Table map[string]*api.Operation

// TableOf makes the table of a service.
func TableOf(s *api.Service) Table {
	t := make(Table, len(s.Operations))
	for i := range s.Operations {
		t[s.Operations[i].Name] = &s.Operations[i]
	}
	return t
}

// NotYet is the message for an operation that AWS has and this version has not.
const NotYet = "The operation %s is not available in this version of Modelwharf"
