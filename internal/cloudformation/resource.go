package cloudformation

import (
	"context"
	"errors"
	"time"

	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// Type is a resource type: what its properties are, and who makes its resources.
type Type struct {
	Name       string // "AWS::DynamoDB::Table"
	Properties map[string]Property
	// Attributes are what Fn::GetAtt may ask for; one that ends in "*" stands for all
	// that begin so.
	Attributes []string
	// Name is the property by which a template may name the resource itself, "" if there
	// is none. Such a resource cannot be replaced under the same name.
	NamedBy string
	// Capability is what a caller must acknowledge to have such resources made:
	// "CAPABILITY_IAM"; with a name of the template's own, "CAPABILITY_NAMED_IAM".
	Capability string
	Handler    Handler
}

// Property is what is known of a property.
type Property struct {
	Required bool
	// Replace says that a change of it makes another resource instead.
	Replace bool
}

// Handler makes, changes and deletes resources of one type, through the operations of
// their service, with the rights of the caller in the context.
//
// Each call is one step of a stack's operation. A step may be tried again after a crash:
// Retry then tells that it may have been done before, in part or in whole, and the
// Handler must come to the same end as if it had not, and never take over what was there
// before the step.
type Handler interface {
	// Create makes a resource and returns when it is ready. What it made in part before
	// an error must be in Made, so that it can be deleted.
	Create(ctx context.Context, r *Request) (Made, error)
	// Update changes a resource from Previous to Properties, in place.
	Update(ctx context.Context, r *Request) (Made, error)
	// Delete deletes a resource. One that is not there is no error.
	Delete(ctx context.Context, r *Request) error
}

// Finder is a Handler that can tell what a Create has made before a crash of which nobody
// was told: its physical ID, "" for nothing. It is asked before the Create is tried again, and
// looks in the name of the server: so what was made is known also if who made it may not
// look, or may not make it any more.
type Finder interface {
	Find(ctx context.Context, r *Request) (physicalID string, err error)
}

// Request is a step.
type Request struct {
	Account, Region    string
	StackID, StackName string
	LogicalID          string
	// PhysicalID is the resource's; for Create it is "", or what Began was given or Find
	// found after a crash.
	PhysicalID string
	Properties *template.Node    // evaluated; a Map
	Previous   *template.Node    // of Update: what the resource has, or had when it was begun
	Tags       map[string]string // of the stack
	// PreviousTags are those that the resource has.
	PreviousTags map[string]string
	// Name is a name for a resource that the template gives none: nobody else has it.
	Name string
	// Token is the same for all tries of a step, and no other's.
	Token string
	// Retry says that the step may have been begun before, or for Update that what the
	// resource has may not be what Previous says.
	Retry bool
	// Undo says that an Update changes back what the stack's operation has changed.
	Undo bool
	// Since is when the step was begun first: what is older was not made by it.
	Since time.Time
	// Began keeps the physical ID of a resource that takes long to make, before it is
	// ready.
	Began func(physicalID string) error
	// Look is a context in which the server itself looks what there is, whatever the caller
	// may: only for whose something is.
	Look func(context.Context) context.Context
}

// Made is what a step made.
type Made struct {
	PhysicalID string
	Attributes map[string]*template.Node
}

// ErrReplace is what Update returns for a change that only another resource can make.
var ErrReplace = errors.New("cloudformation: the change needs a replacement")

// Types are the resource types that there are.
type Types map[string]*Type

// Attributes returns what Fn::GetAtt may ask for.
func (t Types) Attributes(name string) ([]string, bool) {
	typ, ok := t[name]
	if !ok {
		return nil, false
	}
	return typ.Attributes, true
}
