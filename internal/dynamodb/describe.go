package dynamodb

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// DescribeTable describes a table. Its ItemCount and TableSizeBytes are exact and
// current, where those of AWS are up to six hours old.
func (s *Service) DescribeTable(ctx context.Context, in *dynamodb.DescribeTableInput) (*dynamodb.DescribeTableOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "DescribeTable", n, nil); err != nil {
		return nil, err
	}
	out := &dynamodb.DescribeTableOutput{}
	err = s.view(ctx, func(r kv.Reader) error {
		t, err := s.find(ctx, r, n)
		if err != nil {
			return err
		}
		holds, err := s.sizeOf(ctx, r, t)
		if err != nil {
			return err
		}
		out.Table = t.describe(n, holds, s.now())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// find is read for the control plane: it returns the ResourceNotFoundException of
// a table that is not there.
func (s *Service) find(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t, err := s.readAny(ctx, r, n)
	if err == nil && t == nil {
		err = tableNotFound(n)
	}
	return t, err
}

// findWhole is find for what changes a table: it returns the ResourceInUseException of
// one that is being restored or imported.
func (s *Service) findWhole(ctx context.Context, r kv.Reader, n tableName) (*table, error) {
	t, err := s.find(ctx, r, n)
	if err == nil && t.beingFilled() {
		err = dynamodb.ResourceInUseException("Attempt to change a resource which is still in use: Table is being created: %s", n.name)
	}
	return t, err
}

// describe is the description, at the time now, of a table of the name n that holds
// that much.
func (st *tableState) describe(n tableName, holds holding, now time.Time) *dynamodb.TableDescription {
	d := &dynamodb.TableDescription{
		TableName:                 new(n.name),
		TableArn:                  new(n.arn()),
		TableId:                   new(st.UUID),
		TableStatus:               new("ACTIVE"),
		CreationDateTime:          new(st.Created),
		ItemCount:                 new(holds.items),
		TableSizeBytes:            new(holds.bytes),
		DeletionProtectionEnabled: new(st.Protected),
		KeySchema:                 []*dynamodb.KeySchemaElement{keyElement(st.Hash, "HASH")},
		ProvisionedThroughput:     st.Throughput.describe(now),
		OnDemandThroughput:        st.Maximum.describe(),
	}
	if st.Range != nil {
		d.KeySchema = append(d.KeySchema, keyElement(*st.Range, "RANGE"))
	}
	// AWS tells them in the order of their names.
	for _, a := range slices.SortedFunc(slices.Values(st.Defined), func(a, b keyAttribute) int { return strings.Compare(a.Name, b.Name) }) {
		d.AttributeDefinitions = append(d.AttributeDefinitions, &dynamodb.AttributeDefinition{
			AttributeName: new(a.Name), AttributeType: new(a.Type),
		})
	}
	warm := st.Warm.atLeast(st.Throughput, st.Billing)
	d.WarmThroughput = &dynamodb.TableWarmThroughputDescription{
		ReadUnitsPerSecond:  &warm.Read,
		WriteUnitsPerSecond: &warm.Write,
		Status:              new("ACTIVE"),
	}
	// A table that was never on demand has no summary of its billing.
	if !st.Billing.OnDemandSince.IsZero() {
		mode := "PROVISIONED"
		if st.Billing.OnDemand {
			mode = "PAY_PER_REQUEST"
		}
		d.BillingModeSummary = &dynamodb.BillingModeSummary{
			BillingMode:                       new(mode),
			LastUpdateToPayPerRequestDateTime: new(st.Billing.OnDemandSince),
		}
	}
	if st.Class != "" {
		d.TableClassSummary = &dynamodb.TableClassSummary{TableClass: new(st.Class)}
		if st.ClassSet.After(st.Created) {
			d.TableClassSummary.LastUpdateDateTime = new(st.ClassSet)
		}
	}
	st.describeStream(n, d)
	st.describeRestore(d)
	if st.Importing {
		d.TableStatus = new("CREATING")
	}
	st.describeIndexes(d, holds, func(p throughput) *dynamodb.ProvisionedThroughputDescription { return p.describe(now) })
	return d
}

func keyElement(a keyAttribute, kind string) *dynamodb.KeySchemaElement {
	return &dynamodb.KeySchemaElement{AttributeName: new(a.Name), KeyType: new(kind)}
}

func (p throughput) describe(now time.Time) *dynamodb.ProvisionedThroughputDescription {
	return &dynamodb.ProvisionedThroughputDescription{
		ReadCapacityUnits:      new(p.Read),
		WriteCapacityUnits:     new(p.Write),
		NumberOfDecreasesToday: new(p.decreasesToday(now)),
		LastIncreaseDateTime:   timeOrNil(p.Increased),
		LastDecreaseDateTime:   timeOrNil(p.Decreased),
	}
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
