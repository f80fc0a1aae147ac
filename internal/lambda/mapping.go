package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// The states of an event source mapping.
const (
	creating  = "Creating"
	enabling  = "Enabling"
	enabled   = "Enabled"
	disabling = "Disabling"
	disabled  = "Disabled"
	updating  = "Updating"
	deleting  = "Deleting"
)

// mappingName is the full name of an event source mapping.
type mappingName struct{ account, region, uuid string }

func (n mappingName) arn() string {
	return "arn:aws:lambda:" + n.region + ":" + n.account + ":event-source-mapping:" + n.uuid
}

// mappingOfARN reads the ARN of a mapping.
func mappingOfARN(arn string) (n mappingName, ok bool) {
	part := strings.Split(arn, ":")
	if len(part) != 7 || part[0] != "arn" || part[2] != "lambda" || part[5] != "event-source-mapping" {
		return n, false
	}
	return mappingName{part[4], part[3], part[6]}, true
}

// mapping is an event source mapping as it is stored.
type mapping struct {
	name mappingName
	// Config is what the operations tell of it, but for the result of its last batch.
	// Its State is what the poller has made of it, or is to make of it.
	Config  *lambda.EventSourceMappingConfiguration
	Enabled bool // whether it is to be
	// Revision is another after each change that binds the poller.
	Revision int64
	Created  time.Time
	Tags     map[string]string
}

type mappingRecord struct {
	Config   json.RawMessage   `json:"config"`
	Enabled  bool              `json:"enabled,omitempty"`
	Revision int64             `json:"revision"`
	Created  time.Time         `json:"created"`
	Tags     map[string]string `json:"tags,omitempty"`
}

func (m *mapping) put(tx kv.Txn) error {
	b, err := json.Marshal(mappingRecord{encodeShape(m.Config), m.Enabled, m.Revision, m.Created, m.Tags})
	if err != nil {
		return err
	}
	tx.Put(m.name.key(), b)
	return nil
}

func decodeMapping(n mappingName, b []byte) (*mapping, error) {
	var rec mappingRecord
	if err := json.Unmarshal(b, &rec); err != nil {
		return nil, fmt.Errorf("lambda: description of a mapping: %w", err)
	}
	m := &mapping{name: n, Config: &lambda.EventSourceMappingConfiguration{}, Enabled: rec.Enabled, Revision: rec.Revision, Created: rec.Created, Tags: rec.Tags}
	if err := m.Config.DecodeJSON(jx.DecodeBytes(rec.Config)); err != nil {
		return nil, fmt.Errorf("lambda: description of a mapping: %w", err)
	}
	return m, nil
}

// readMapping returns a mapping, nil if there is none.
func readMapping(ctx context.Context, r kv.Reader, n mappingName) (*mapping, error) {
	b, err := r.Get(ctx, n.key())
	if err != nil || b == nil {
		return nil, err
	}
	return decodeMapping(n, b)
}

// cutMapping reads the name of a mapping off its key.
func cutMapping(key []byte) (n mappingName, err error) {
	rest := key[len(mappingsPrefix):]
	for _, part := range []*string{&n.account, &n.region, &n.uuid} {
		if *part, rest, err = tuple.String(rest); err != nil {
			return n, fmt.Errorf("lambda: key of a mapping: %w", err)
		}
	}
	return n, nil
}

func noMapping() error {
	return lambda.ResourceNotFoundException("The resource you requested does not exist.")
}

// status is what became of the last batch of a mapping. It lies apart, so that it can
// change without a change of the mapping.
type status struct {
	Result string    `json:"result"`
	Time   time.Time `json:"time"`
}

const (
	resultNone = "No records processed"
	resultOK   = "OK"
	// resultFailed is Lambda's own; others begin as it does.
	resultFailed = "PROBLEM: Function call failed"
)

func readStatus(ctx context.Context, r kv.Reader, uuid string) (st status, err error) {
	b, err := r.Get(ctx, statusKey(uuid))
	if err != nil || b == nil {
		return status{Result: resultNone}, err
	}
	if err := json.Unmarshal(b, &st); err != nil {
		return st, fmt.Errorf("lambda: status of a mapping: %w", err)
	}
	return st, nil
}

func (st status) put(tx kv.Txn, uuid string) {
	b, err := json.Marshal(st)
	if err != nil {
		panic(err) // a text and a time always have a form
	}
	tx.Put(statusKey(uuid), b)
}

// describe is what an answer tells of a mapping.
func (m *mapping) describe(st status) *lambda.EventSourceMappingConfiguration {
	c := new(*m.Config)
	c.LastProcessingResult = new(st.Result)
	return c
}

// function is the function that the mapping invokes.
func (m *mapping) function() functionName {
	part := strings.Split(*m.Config.FunctionArn, ":")
	n := functionName{account: part[4], region: part[3], name: part[6]}
	if len(part) > 7 {
		n.qualifier = part[7]
	}
	return n
}

// state says what the poller is to make of the mapping.
func (m *mapping) state(state string, now time.Time) {
	m.Revision++
	m.Config.State, m.Config.StateTransitionReason = new(state), new("User action")
	m.Config.LastModified = new(now.UTC().Truncate(time.Second))
}

func (m *mapping) record(ctx context.Context, tx kv.Txn, said map[string]any) {
	record(ctx, tx, "AWS::Lambda::EventSourceMapping", m.name.arn(), said)
}

// pairKey is that of the one mapping of a stream to a function.
func pairKey(stream, function string) []byte { return tuple.Of(room, "pair", stream, function) }
