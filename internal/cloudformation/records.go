package cloudformation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// stack is what is stored of a stack.
type stack struct {
	UUID          string
	Name          string
	Account       string
	Region        string
	Status        string
	Reason        string     `json:",omitzero"`
	Created       time.Time  `json:",omitzero"`
	Updated       time.Time  `json:",omitzero"`
	Deleted       time.Time  `json:",omitzero"`
	Current       side       // what the stack is, or was before the running operation
	Outputs       []output   `json:",omitempty"`
	Imports       []string   `json:",omitempty"` // names of other stacks' exports
	Role          string     `json:",omitzero"`  // that CloudFormation acts in
	Actor         []byte     `json:",omitempty"` // who asked, if there is no role
	Protected     bool       `json:",omitzero"`
	KeepOnFailure bool       `json:",omitzero"` // no rollback
	OnFailure     string     `json:",omitzero"`
	Timeout       int64      `json:",omitzero"` // minutes
	Policy        string     `json:",omitzero"` // the stack policy
	Parent        string     `json:",omitzero"` // the ARN of the stack that this one is nested in
	Root          string     `json:",omitzero"`
	ChangeSet     string     `json:",omitzero"` // the ARN of the one that was executed last
	Token         string     `json:",omitzero"` // ClientRequestToken of the last operation
	Operation     *operation `json:",omitempty"`
	// Stopped is an operation that failed and was not undone.
	Stopped *operation `json:",omitempty"`
	Bodies  int        // how many template bodies were stored, see bodyKey
}

// side is a state that a stack is brought to: a template with what goes into it.
type side struct {
	Body          int               // number of the template's body, 0 for none
	Description   string            `json:",omitzero"`
	Parameters    map[string]string `json:",omitempty"`
	Tags          map[string]string `json:",omitempty"`
	Capabilities  []string          `json:",omitempty"`
	Notifications []string          `json:",omitempty"`
}

// The phases of an operation.
const (
	applying = "apply"  // resources are made and changed
	undoing  = "undo"   // changed resources are changed back
	holding  = "hold"   // the outer stack's operation goes on, see hold.go
	removing = "remove" // resources are deleted
)

// operation is what happens to a stack.
type operation struct {
	Job   string // the ID of its job: a stack has another for each operation
	Kind  string // create, update or delete
	Phase string
	// Base is by what the resources know that this operation touched them. An operation
	// that goes on where a failed one stopped has that one's.
	Base     string
	Target   side // of create and update
	Began    time.Time
	Origin   api.Origin // of the request that began it
	Failed   string     `json:",omitzero"` // why it is rolled back
	Cancel   bool       `json:",omitzero"`
	Retain   []string   `json:",omitempty"` // of delete: what is left alone
	Skip     []string   `json:",omitempty"` // of an undo: what is taken for changed back
	OnceKept bool       `json:",omitzero"`  // RetainExceptOnCreate
	Policy   string     `json:",omitzero"`  // the stack policy of this update
	Inner    bool       `json:",omitzero"`  // a step of the outer stack's operation asked for it
	Past     *past      `json:",omitempty"` // of an update: what a roll-back goes back to
}

// past is what a stack was before an update, beside its resources.
type past struct {
	Side    side
	Outputs []output `json:",omitempty"`
	Imports []string `json:",omitempty"`
}

const (
	creating = "create"
	updating = "update"
	deleting = "delete"
)

// output is an output with its value.
type output struct {
	Key, Value, Description string
	Export                  string `json:",omitzero"`
}

// resource is what is stored of a resource of a stack.
type resource struct {
	ID      string
	Type    string
	Status  string
	Reason  string `json:",omitzero"`
	Updated time.Time
	// Now is what the stack has, Before what it had before the operation of Base.
	Now    *physical `json:",omitempty"`
	Before *physical `json:",omitempty"`
	Base   string    `json:",omitzero"`
	// Applied says that the operation of Base is done with it, Undone that it was changed back.
	Applied bool `json:",omitzero"`
	Undone  bool `json:",omitzero"`
	// Failed says that a step of the first phase failed: it is not tried again.
	Failed bool `json:",omitzero"`
	// Step is what was begun and is not known to have ended.
	Step *step `json:",omitempty"`
	// Last is the physical ID of what was deleted last.
	Last string `json:",omitzero"`
	// Doomed is what is to be deleted.
	Doomed []*physical `json:",omitempty"`
}

// physical is a resource that there is.
type physical struct {
	Type        string
	ID          string
	Properties  *template.Node            `json:",omitempty"`
	Shown       *template.Node            `json:",omitempty"` // of Properties, without secrets; nil for all
	Tags        map[string]string         `json:",omitempty"` // of the stack, as the resource got them
	Attributes  map[string]*template.Node `json:",omitempty"`
	DependsOn   []string                  `json:",omitempty"`
	Deletion    string                    // DeletionPolicy
	Replacement string                    // UpdateReplacePolicy
	// Unsure says that a step failed which made or changed it: it may not be what
	// Properties say.
	Unsure bool `json:",omitzero"`
	// Policy decides what becomes of it when it is doomed: Delete or Retain.
	Policy string `json:",omitzero"`
}

// step is one call of a Handler.
type step struct {
	Action   string // create or update
	Token    string
	Began    time.Time
	Physical *physical // what it leads to
}

// arn is the stack's ID.
func (s *stack) arn() string {
	return "arn:aws:cloudformation:" + s.Region + ":" + s.Account + ":stack/" + s.Name + "/" + s.UUID
}

// inProgress tells whether something happens to the stack.
func (s *stack) inProgress() bool {
	return strings.HasSuffix(s.Status, "_IN_PROGRESS") && s.Status != "REVIEW_IN_PROGRESS"
}

func (s *stack) gone() bool { return s.Status == "DELETE_COMPLETE" }

// is tells whether the status is one of some.
func (s *stack) is(statuses ...string) bool { return slices.Contains(statuses, s.Status) }

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts, numbers, nodes and times of four-digit years always have a form
	}
	return b
}

func decode[T any](b []byte) (*T, error) {
	if b == nil {
		return nil, nil
	}
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("cloudformation: a stored record is malformed: %w", err)
	}
	return v, nil
}
