package lambda

import (
	"context"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	streams "github.com/modelwharf/modelwharf/internal/api/dynamodbstreams"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// CreateEventSourceMapping lets the stream of a table invoke a function.
func (s *Service) CreateEventSourceMapping(ctx context.Context, in *lambda.CreateEventSourceMappingRequest) (*lambda.EventSourceMappingConfiguration, error) {
	fn, err := nameOf(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	conditions := requestTags(in.Tags)
	if conditions == nil {
		conditions = map[string][]string{}
	}
	conditions["lambda:FunctionArn"] = []string{fn.qualified()}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "lambda:CreateEventSourceMapping", Resource: "*", Conditions: conditions}); err != nil {
		return nil, err
	}
	if err := checkSource(ctx, in); err != nil {
		return nil, err
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	f, err := s.function(ctx, fn)
	if err != nil {
		return nil, err
	}
	if f == nil || fn.checkVersion() != nil {
		return nil, lambda.InvalidParameterValueException("Function does not exist")
	}
	r := api.RequestOf(ctx)
	m := &mapping{
		name: mappingName{r.Caller.Account, r.Region, newUUID()}, Enabled: orElse(in.Enabled, true), Created: s.now().UTC(), Tags: in.Tags,
		Config: &lambda.EventSourceMappingConfiguration{
			EventSourceArn: in.EventSourceArn, FunctionArn: new(fn.qualified()), StartingPosition: in.StartingPosition,
			BatchSize: new(int64(100)), MaximumBatchingWindowInSeconds: new(int64(0)), ParallelizationFactor: new(int64(1)),
			MaximumRecordAgeInSeconds: new(int64(-1)), MaximumRetryAttempts: new(int64(-1)), BisectBatchOnFunctionError: new(false),
			TumblingWindowInSeconds: new(int64(0)), FunctionResponseTypes: []string{},
			DestinationConfig: &lambda.DestinationConfig{OnFailure: &lambda.OnFailure{}},
		},
	}
	m.Config.UUID, m.Config.EventSourceMappingArn = new(m.name.uuid), new(m.name.arn())
	if err := s.configure(ctx, m, &lambda.UpdateEventSourceMappingRequest{
		BatchSize: in.BatchSize, FilterCriteria: in.FilterCriteria, MaximumBatchingWindowInSeconds: in.MaximumBatchingWindowInSeconds,
		ParallelizationFactor: in.ParallelizationFactor, DestinationConfig: in.DestinationConfig, MaximumRecordAgeInSeconds: in.MaximumRecordAgeInSeconds,
		BisectBatchOnFunctionError: in.BisectBatchOnFunctionError, MaximumRetryAttempts: in.MaximumRetryAttempts,
		TumblingWindowInSeconds: in.TumblingWindowInSeconds, FunctionResponseTypes: in.FunctionResponseTypes,
		KMSKeyArn: in.KMSKeyArn, MetricsConfig: in.MetricsConfig, LoggingConfig: in.LoggingConfig, ScalingConfig: in.ScalingConfig,
		SourceAccessConfigurations: in.SourceAccessConfigurations, ProvisionedPollerConfig: in.ProvisionedPollerConfig,
	}); err != nil {
		return nil, err
	}
	if err := s.checkAccess(ctx, f, *in.EventSourceArn); err != nil {
		return nil, err
	}
	m.state(creating, s.now())
	err = s.update(ctx, func(tx kv.Txn) error {
		if err := m.pair(ctx, tx, *m.Config.FunctionArn); err != nil {
			return err
		}
		m.record(ctx, tx, map[string]any{"functionName": *in.FunctionName, "eventSourceArn": *in.EventSourceArn, "uUID": m.name.uuid,
			"startingPosition": *in.StartingPosition, "batchSize": *m.Config.BatchSize, "enabled": m.Enabled, "tags": in.Tags})
		return s.putMapping(ctx, tx, m)
	})
	if err != nil {
		return nil, err
	}
	s.mappingChanged(m.name.uuid)
	return m.describe(status{Result: resultNone}), nil
}

// pair notes that a stream invokes a function, which one mapping alone may do.
func (m *mapping) pair(ctx context.Context, tx kv.Txn, function string) error {
	key := pairKey(*m.Config.EventSourceArn, function)
	other, err := tx.Get(ctx, key)
	if err != nil {
		return err
	}
	if other != nil && string(other) != m.name.uuid {
		name := function[strings.Index(function, ":function:")+len(":function:"):]
		return lambda.ResourceConflictException(`The event source arn (" %s ") and function (" %s ") provided mapping already exists. Please update or delete the existing mapping with UUID %s`,
			*m.Config.EventSourceArn, name, other)
	}
	tx.Put(key, []byte(m.name.uuid))
	return nil
}

// putMapping stores a mapping and lets the poller see to it.
func (s *Service) putMapping(ctx context.Context, tx kv.Txn, m *mapping) error {
	if err := jobs.Enqueue(ctx, tx, pollJob, m.name.uuid, []byte(m.name.arn())); err != nil {
		return err
	}
	return m.put(tx)
}

// GetEventSourceMapping describes a mapping.
func (s *Service) GetEventSourceMapping(ctx context.Context, in *lambda.GetEventSourceMappingRequest) (*lambda.EventSourceMappingConfiguration, error) {
	m, err := s.findMapping(ctx, "GetEventSourceMapping", ofCaller(ctx, in.UUID), nil)
	if err != nil {
		return nil, err
	}
	return s.described(ctx, &m)
}

func ofCaller(ctx context.Context, uuid *string) mappingName {
	r := api.RequestOf(ctx)
	return mappingName{r.Caller.Account, r.Region, *uuid}
}

func (s *Service) described(ctx context.Context, m *mapping) (*lambda.EventSourceMappingConfiguration, error) {
	var st status
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		st, err = readStatus(ctx, r, m.name.uuid)
		return err
	})
	if err != nil {
		return nil, err
	}
	return m.describe(st), nil
}

// ListEventSourceMappings lists the caller's mappings in the request's region, those of
// a stream or a function if it says so.
func (s *Service) ListEventSourceMappings(ctx context.Context, in *lambda.ListEventSourceMappingsRequest) (*lambda.ListEventSourceMappingsResponse, error) {
	conditions := map[string][]string{}
	var fn string
	if text(in.FunctionName) != "" {
		n, err := nameOf(ctx, in.FunctionName, nil)
		if err != nil {
			return nil, err
		}
		fn = n.qualified()
		conditions["lambda:FunctionArn"] = []string{fn}
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "lambda:ListEventSourceMappings", Resource: "*", Conditions: conditions}); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	source := text(in.EventSourceArn)
	out := &lambda.ListEventSourceMappingsResponse{EventSourceMappings: []*lambda.EventSourceMappingConfiguration{}}
	var found []*mapping
	next, err := s.page(ctx, mappingsOf(r.Caller.Account, r.Region), in.Marker, in.MaxItems, []string{fn, source}, func(key, val []byte) (bool, error) {
		uuid, _, err := tuple.String(key)
		if err != nil {
			return false, err
		}
		m, err := decodeMapping(mappingName{r.Caller.Account, r.Region, uuid}, val)
		if err != nil || fn != "" && *m.Config.FunctionArn != fn || source != "" && *m.Config.EventSourceArn != source {
			return false, err
		}
		found = append(found, m)
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		c, err := s.described(ctx, m)
		if err != nil {
			return nil, err
		}
		out.EventSourceMappings = append(out.EventSourceMappings, c)
	}
	out.NextMarker = next
	return out, nil
}

// DeleteEventSourceMapping ends a mapping. The poller removes it when its last batch is
// over.
func (s *Service) DeleteEventSourceMapping(ctx context.Context, in *lambda.DeleteEventSourceMappingRequest) (*lambda.EventSourceMappingConfiguration, error) {
	n := ofCaller(ctx, in.UUID)
	if _, err := s.findMapping(ctx, "DeleteEventSourceMapping", n, nil); err != nil {
		return nil, err
	}
	return s.changeMapping(ctx, n, map[string]any{"uUID": n.uuid}, func(_ kv.Txn, m *mapping) (string, error) {
		m.Enabled = false
		return deleting, nil
	})
}

// changeMapping changes a mapping; change returns the state that it is in until the
// poller has seen it.
func (s *Service) changeMapping(ctx context.Context, n mappingName, said map[string]any, change func(tx kv.Txn, m *mapping) (string, error)) (*lambda.EventSourceMappingConfiguration, error) {
	var out *lambda.EventSourceMappingConfiguration
	err := s.update(ctx, func(tx kv.Txn) error {
		m, err := readMapping(ctx, tx, n)
		if err != nil {
			return err
		}
		switch {
		case m == nil:
			return noMapping()
		case *m.Config.State == deleting:
			return lambda.ResourceInUseException("Cannot update the event source mapping because it is in use.")
		}
		st, err := readStatus(ctx, tx, n.uuid)
		if err != nil {
			return err
		}
		next, err := change(tx, m)
		if err != nil {
			return err
		}
		m.state(next, s.now())
		out = m.describe(st)
		m.record(ctx, tx, said)
		return s.putMapping(ctx, tx, m)
	})
	if err != nil {
		return nil, err
	}
	s.mappingChanged(n.uuid)
	return out, nil
}

// checkAccess reads the stream as the function's role, as the poller will.
func (s *Service) checkAccess(ctx context.Context, f *function, stream string) error {
	if s.streams == nil {
		return notHere("EventSourceArn")
	}
	err := func() error {
		ctx, err := s.asRole(ctx, f)
		if err != nil {
			return err
		}
		d, err := s.streams.DescribeStream(ctx, &streams.DescribeStreamInput{StreamArn: &stream, Limit: new(int64(1))})
		if err != nil || len(d.StreamDescription.Shards) == 0 {
			return err
		}
		it, err := s.streams.GetShardIterator(ctx, &streams.GetShardIteratorInput{
			StreamArn: &stream, ShardId: d.StreamDescription.Shards[0].ShardId, ShardIteratorType: new("TRIM_HORIZON")})
		if err != nil {
			return err
		}
		_, err = s.streams.GetRecords(ctx, &streams.GetRecordsInput{ShardIterator: it.ShardIterator, Limit: new(int64(1))})
		return err
	}()
	if err == nil {
		return nil
	}
	switch e := api.AsError(err); e.Code {
	case "AccessDeniedException":
		return lambda.InvalidParameterValueException("Cannot access stream %s. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.", stream).Because(e)
	case "ResourceNotFoundException", "ValidationException":
		return lambda.InvalidParameterValueException("Stream not found: %s", stream).Because(e)
	}
	return err
}

// asRole returns a context in which Lambda acts in the role of a function.
func (s *Service) asRole(ctx context.Context, f *function) (context.Context, error) {
	r := &api.Request{
		ID: newUUID(), Service: "dynamodb", Region: f.name.region, UserAgent: principal, Secure: true, Time: s.now(),
	}
	return s.identity.ServiceRole(api.WithRequest(ctx, r), *f.config.Role, principal, f.name.name)
}

// startOf is the time from which a mapping of the starting position LATEST reads: its
// records tell whole seconds.
func (m *mapping) startOf() time.Time { return m.Created.Truncate(time.Second) }
