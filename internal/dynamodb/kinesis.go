package dynamodb

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
)

// The changes of a table can be sent on to a stream of Kinesis, which is not here: no
// table has such a destination, and none can get one.

// DescribeKinesisStreamingDestination tells that a table has no destinations.
func (s *Service) DescribeKinesisStreamingDestination(ctx context.Context, in *dynamodb.DescribeKinesisStreamingDestinationInput) (*dynamodb.DescribeKinesisStreamingDestinationOutput, error) {
	if err := s.existing(ctx, "DescribeKinesisStreamingDestination", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return &dynamodb.DescribeKinesisStreamingDestinationOutput{
		TableName: in.TableName, KinesisDataStreamDestinations: []*dynamodb.KinesisDataStreamDestination{},
	}, nil
}

// EnableKinesisStreamingDestination is refused.
func (s *Service) EnableKinesisStreamingDestination(ctx context.Context, in *dynamodb.KinesisStreamingDestinationInput) (*dynamodb.KinesisStreamingDestinationOutput, error) {
	if err := s.existing(ctx, "EnableKinesisStreamingDestination", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return nil, unavailable("A stream of Kinesis")
}

// DisableKinesisStreamingDestination answers as AWS does for a stream that was never
// enabled.
func (s *Service) DisableKinesisStreamingDestination(ctx context.Context, in *dynamodb.KinesisStreamingDestinationInput) (*dynamodb.KinesisStreamingDestinationOutput, error) {
	if err := s.existing(ctx, "DisableKinesisStreamingDestination", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return nil, notStreaming("KinesisStreamingDestination must be ACTIVE to perform DISABLE operation.")
}

// UpdateKinesisStreamingDestination answers as AWS does for a stream that was never
// enabled.
func (s *Service) UpdateKinesisStreamingDestination(ctx context.Context, in *dynamodb.UpdateKinesisStreamingDestinationInput) (*dynamodb.UpdateKinesisStreamingDestinationOutput, error) {
	if err := s.existing(ctx, "UpdateKinesisStreamingDestination", in.TableName, tableNotFound); err != nil {
		return nil, err
	}
	return nil, notStreaming("Kinesis streaming is not in ACTIVE state. Updates are only allowed in ACTIVE state. TableName: %s, kdsArn: %s", *in.TableName, *in.StreamArn)
}

func notStreaming(format string, args ...any) error {
	return api.ValidationException("Table is not in a valid state to enable Kinesis Streaming Destination: "+format, args...)
}
