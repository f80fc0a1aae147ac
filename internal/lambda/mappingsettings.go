package lambda

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/lambda/filter"
)

// maxFilters is how many filters a mapping can have, at the most that AWS grants.
const maxFilters = 10

// UpdateEventSourceMapping changes a mapping; what is not said stays.
func (s *Service) UpdateEventSourceMapping(ctx context.Context, in *lambda.UpdateEventSourceMappingRequest) (*lambda.EventSourceMappingConfiguration, error) {
	n := ofCaller(ctx, in.UUID)
	conditions := map[string][]string{}
	var fn *functionName
	if text(in.FunctionName) != "" {
		name, err := nameOf(ctx, in.FunctionName, nil)
		if err != nil {
			return nil, err
		}
		fn = &name
	}
	old, err := s.findMapping(ctx, "UpdateEventSourceMapping", n, conditions)
	if err != nil {
		return nil, err
	}
	if fn != nil {
		// The other function is one that the caller may give mappings, too.
		if _, err := s.findMapping(ctx, "UpdateEventSourceMapping", n, map[string][]string{"lambda:FunctionArn": {fn.qualified()}}); err != nil {
			return nil, err
		}
		f, err := s.function(ctx, *fn)
		if err != nil {
			return nil, err
		}
		if f == nil || fn.checkVersion() != nil {
			return nil, lambda.InvalidParameterValueException("Function does not exist")
		}
		if err := s.checkAccess(ctx, f, *old.Config.EventSourceArn); err != nil {
			return nil, err
		}
	}
	// What is wrong is found outside of the transaction, which then applies it.
	if err := s.configure(ctx, &old, in); err != nil {
		return nil, err
	}
	said := map[string]any{"uUID": n.uuid}
	if in.BatchSize != nil {
		said["batchSize"] = *in.BatchSize
	}
	if in.Enabled != nil {
		said["enabled"] = *in.Enabled
	}
	if fn != nil {
		said["functionName"] = *in.FunctionName
	}
	return s.changeMapping(ctx, n, said, func(tx kv.Txn, m *mapping) (string, error) {
		if fn != nil && fn.qualified() != *m.Config.FunctionArn {
			if err := m.pair(ctx, tx, fn.qualified()); err != nil {
				return "", err
			}
			tx.Delete(pairKey(*m.Config.EventSourceArn, *m.Config.FunctionArn))
			m.Config.FunctionArn = new(fn.qualified())
		}
		m.apply(in)
		was := m.Enabled
		m.Enabled = orElse(in.Enabled, was)
		switch {
		case m.Enabled && !was:
			return enabling, nil
		case !m.Enabled && was:
			return disabling, nil
		}
		return updating, nil
	})
}

// configure checks the settings of a mapping and applies them.
func (s *Service) configure(ctx context.Context, m *mapping, in *lambda.UpdateEventSourceMappingRequest) error {
	for _, x := range []struct {
		name  string
		asked bool
	}{
		{"TumblingWindowInSeconds", orElse(in.TumblingWindowInSeconds, 0) > 0},
		{"KMSKeyArn", text(in.KMSKeyArn) != ""},
		{"MetricsConfig", in.MetricsConfig != nil && len(in.MetricsConfig.Metrics) > 0},
		{"LoggingConfig", in.LoggingConfig != nil},
		{"ScalingConfig", in.ScalingConfig != nil},
		{"SourceAccessConfigurations", len(in.SourceAccessConfigurations) > 0},
		{"ProvisionedPollerConfig", in.ProvisionedPollerConfig != nil},
		{"AmazonManagedKafkaEventSourceConfig", in.AmazonManagedKafkaEventSourceConfig != nil},
		{"SelfManagedKafkaEventSourceConfig", in.SelfManagedKafkaEventSourceConfig != nil},
		{"DocumentDBEventSourceConfig", in.DocumentDBEventSourceConfig != nil},
		{"The destination OnSuccess", in.DestinationConfig != nil && in.DestinationConfig.OnSuccess != nil && text(in.DestinationConfig.OnSuccess.Destination) != ""},
	} {
		if x.asked {
			return notHere(x.name)
		}
	}
	if age := in.MaximumRecordAgeInSeconds; age != nil && *age != -1 && *age < 60 {
		return lambda.InvalidParameterValueException("Invalid MaximumRecordAgeInSeconds: %d. It must be -1, or from 60 to 604800.", *age)
	}
	if err := checkFilters(in.FilterCriteria); err != nil {
		return err
	}
	if err := s.checkDestination(ctx, in.DestinationConfig); err != nil {
		return err
	}
	m.apply(in)
	return nil
}

// apply sets the settings that are said.
func (m *mapping) apply(in *lambda.UpdateEventSourceMappingRequest) {
	c := m.Config
	for _, x := range []struct{ to, from **int64 }{
		{&c.BatchSize, &in.BatchSize}, {&c.MaximumBatchingWindowInSeconds, &in.MaximumBatchingWindowInSeconds},
		{&c.ParallelizationFactor, &in.ParallelizationFactor}, {&c.MaximumRecordAgeInSeconds, &in.MaximumRecordAgeInSeconds},
		{&c.MaximumRetryAttempts, &in.MaximumRetryAttempts},
	} {
		if *x.from != nil {
			*x.to = *x.from
		}
	}
	if in.BisectBatchOnFunctionError != nil {
		c.BisectBatchOnFunctionError = in.BisectBatchOnFunctionError
	}
	if in.FunctionResponseTypes != nil {
		c.FunctionResponseTypes = in.FunctionResponseTypes
	}
	if in.DestinationConfig != nil {
		c.DestinationConfig = &lambda.DestinationConfig{OnFailure: &lambda.OnFailure{}}
		if d := in.DestinationConfig.OnFailure; d != nil && text(d.Destination) != "" {
			c.DestinationConfig.OnFailure = d
		}
	}
	if in.FilterCriteria != nil {
		c.FilterCriteria = nil
		if len(in.FilterCriteria.Filters) > 0 {
			c.FilterCriteria = in.FilterCriteria
		}
	}
}

// checkSource checks what a new mapping reads.
func checkSource(ctx context.Context, in *lambda.CreateEventSourceMappingRequest) error {
	r := api.RequestOf(ctx)
	arn := text(in.EventSourceArn)
	part := strings.SplitN(arn, ":", 6)
	switch {
	case in.SelfManagedEventSource != nil || len(in.Topics) > 0 || len(in.Queues) > 0 ||
		in.AmazonManagedKafkaEventSourceConfig != nil || in.SelfManagedKafkaEventSourceConfig != nil || in.DocumentDBEventSourceConfig != nil:
		return lambda.InvalidParameterValueException("Event sources other than streams of tables are not available in this version of Modelwharf.")
	case len(part) != 6:
		return lambda.InvalidParameterValueException("Unrecognized event source.")
	case part[2] != "dynamodb":
		return lambda.InvalidParameterValueException("Event sources of the service %s are not available in this version of Modelwharf: streams of tables are.", part[2])
	case !strings.HasPrefix(part[5], "table/") || !strings.Contains(part[5], "/stream/"):
		return lambda.InvalidParameterValueException("Unrecognized event source, must be the ARN of a stream of a table: %s", arn)
	case part[3] != r.Region:
		return lambda.InvalidParameterValueException("The event source %s is not of the region %s.", arn, r.Region)
	case part[4] != r.Caller.Account:
		return lambda.InvalidParameterValueException("Event sources of other accounts are not available in this version of Modelwharf.")
	case in.StartingPosition == nil:
		return lambda.InvalidParameterValueException("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must not be null.")
	case *in.StartingPosition == "AT_TIMESTAMP" || in.StartingPositionTimestamp != nil:
		return lambda.InvalidParameterValueException("Unsupported starting position for arn type: %s", arn)
	}
	return nil
}

// checkFilters refuses filters that are no patterns.
func checkFilters(c *lambda.FilterCriteria) error {
	if c == nil {
		return nil
	}
	if len(c.Filters) > maxFilters {
		return lambda.InvalidParameterValueException("A mapping can have %d filters at the most.", maxFilters)
	}
	if _, err := filtersOf(c); err != nil {
		return lambda.InvalidParameterValueException("Invalid filter pattern definition. %s", err)
	}
	return nil
}

// filtersOf compiles filters, none for none.
func filtersOf(c *lambda.FilterCriteria) (all []*filter.Pattern, err error) {
	if c == nil {
		return nil, nil
	}
	for _, f := range c.Filters {
		if f == nil || f.Pattern == nil {
			continue
		}
		p, err := filter.Parse([]byte(*f.Pattern))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// checkDestination refuses a destination that does not exist here: what is given up goes
// to another function, since there are no queues and topics.
func (s *Service) checkDestination(ctx context.Context, d *lambda.DestinationConfig) error {
	if d == nil || d.OnFailure == nil || text(d.OnFailure.Destination) == "" {
		return nil
	}
	arn := *d.OnFailure.Destination
	if !strings.HasPrefix(arn, "arn:aws:lambda:") || !strings.Contains(arn, ":function:") {
		return lambda.InvalidParameterValueException("The destination %s is not available in this version of Modelwharf: a destination is the ARN of a function.", arn)
	}
	n, err := parseName(ctx, arn)
	if err != nil {
		return err
	}
	if n.account != api.RequestOf(ctx).Caller.Account {
		return lambda.InvalidParameterValueException("The destination %s is of another account.", arn)
	}
	f, err := s.function(ctx, n)
	if err != nil {
		return err
	}
	if f == nil || n.checkVersion() != nil {
		return lambda.InvalidParameterValueException("The destination ARN %s is invalid: there is no such function.", arn)
	}
	return nil
}
