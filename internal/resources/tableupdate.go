package resources

import (
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
)

// Update changes a table by as many UpdateTable as it takes: DynamoDB makes one kind of
// change at a time, and one index. Each is asked for only if the table is not so yet, so
// that an update that a crash interrupted goes on where it was.
func (h tables) Update(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	name := r.PhysicalID
	wanted, err := tableInput(name, r.Properties)
	if err != nil {
		return cloudformation.Made{}, err
	}
	if r.Properties.Get("BillingMode") == nil {
		wanted.BillingMode = new("PROVISIONED")
	}
	for next := h.firstChange; next != nil; {
		if err := h.settle(ctx, name); err != nil {
			return cloudformation.Made{}, err
		}
		d, err := h.describe(ctx, name)
		if err != nil {
			return cloudformation.Made{}, err
		}
		change := next(d, wanted)
		if change == nil {
			break
		}
		change.TableName = &name
		if err := h.tell(ctx, "UpdateTable", change); err != nil {
			return cloudformation.Made{}, err
		}
	}
	if err := h.setAside(ctx, r, name); err != nil {
		return cloudformation.Made{}, err
	}
	d, err := h.describe(ctx, name)
	if err != nil {
		return cloudformation.Made{}, err
	}
	if changed(r, "ResourcePolicy") {
		if err := h.setPolicy(ctx, d.TableArn, wanted.ResourcePolicy); err != nil {
			return cloudformation.Made{}, err
		}
	}
	return madeTable(d), retag(r,
		func(tags map[string]string) error {
			return h.tell(ctx, "TagResource", &dynamodb.TagResourceInput{ResourceArn: d.TableArn, Tags: pairs(tags, dynamoTag)})
		},
		func(keys []string) error {
			return h.tell(ctx, "UntagResource", &dynamodb.UntagResourceInput{ResourceArn: d.TableArn, TagKeys: keys})
		})
}

func (h tables) setPolicy(ctx context.Context, arn, policy *string) error {
	if policy == nil {
		return absent(h.tell(ctx, "DeleteResourcePolicy", &dynamodb.DeleteResourcePolicyInput{ResourceArn: arn}), "PolicyNotFoundException")
	}
	return h.tell(ctx, "PutResourcePolicy", &dynamodb.PutResourcePolicyInput{ResourceArn: arn, Policy: policy})
}

// firstChange is the first change that a table still needs, nil if it needs none.
func (tables) firstChange(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	for _, change := range []func(*dynamodb.TableDescription, *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput{
		indexRemoved, protection, class, streaming, billing, indexCapacity, indexAdded, warmth,
	} {
		if in := change(d, wanted); in != nil {
			return in
		}
	}
	return nil
}

func protection(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	protect := wanted.DeletionProtectionEnabled != nil && *wanted.DeletionProtectionEnabled
	if is := d.DeletionProtectionEnabled != nil && *d.DeletionProtectionEnabled; is == protect {
		return nil
	}
	return &dynamodb.UpdateTableInput{DeletionProtectionEnabled: &protect}
}

func class(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	want, has := "STANDARD", "STANDARD"
	if wanted.TableClass != nil {
		want = *wanted.TableClass
	}
	if d.TableClassSummary != nil && d.TableClassSummary.TableClass != nil {
		has = *d.TableClassSummary.TableClass
	}
	if want == has {
		return nil
	}
	return &dynamodb.UpdateTableInput{TableClass: &want}
}

// streaming changes the stream: one with other records is another one.
func streaming(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	view := func(s *dynamodb.StreamSpecification) string {
		if s == nil || s.StreamEnabled == nil || !*s.StreamEnabled || s.StreamViewType == nil {
			return ""
		}
		return *s.StreamViewType
	}
	has, want := view(d.StreamSpecification), view(wanted.StreamSpecification)
	switch {
	case has == want:
		return nil
	case has != "":
		return &dynamodb.UpdateTableInput{StreamSpecification: &dynamodb.StreamSpecification{StreamEnabled: new(false)}}
	}
	return &dynamodb.UpdateTableInput{StreamSpecification: wanted.StreamSpecification}
}

// billing changes the billing mode and the throughput of the table; with the mode, also
// that of its indexes.
func billing(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	onDemand := isOnDemand(d)
	if *wanted.BillingMode == "PAY_PER_REQUEST" {
		if onDemand && sameMaximum(d.OnDemandThroughput, wanted.OnDemandThroughput) {
			return nil
		}
		return &dynamodb.UpdateTableInput{BillingMode: wanted.BillingMode, OnDemandThroughput: maximumOf(wanted.OnDemandThroughput)}
	}
	if !onDemand && sameThroughput(d.ProvisionedThroughput, wanted.ProvisionedThroughput) {
		return nil
	}
	in := &dynamodb.UpdateTableInput{ProvisionedThroughput: wanted.ProvisionedThroughput}
	if onDemand {
		in.BillingMode = wanted.BillingMode
		for _, x := range d.GlobalSecondaryIndexes {
			if w := indexOf(wanted, *x.IndexName); w != nil && w.ProvisionedThroughput != nil {
				in.GlobalSecondaryIndexUpdates = append(in.GlobalSecondaryIndexUpdates, &dynamodb.GlobalSecondaryIndexUpdate{
					Update: &dynamodb.UpdateGlobalSecondaryIndexAction{IndexName: x.IndexName, ProvisionedThroughput: w.ProvisionedThroughput},
				})
			}
		}
	}
	return in
}

func isOnDemand(d *dynamodb.TableDescription) bool {
	return d.BillingModeSummary != nil && d.BillingModeSummary.BillingMode != nil && *d.BillingModeSummary.BillingMode == "PAY_PER_REQUEST"
}

// unlimited is how a maximum says that there is none.
const unlimited = -1

// maximumOf says of each maximum what it is to be, also of one that is not given.
func maximumOf(m *dynamodb.OnDemandThroughput) *dynamodb.OnDemandThroughput {
	reads, writes := maxima(m)
	return &dynamodb.OnDemandThroughput{MaxReadRequestUnits: &reads, MaxWriteRequestUnits: &writes}
}

func maxima(m *dynamodb.OnDemandThroughput) (reads, writes int64) {
	reads, writes = unlimited, unlimited
	if m != nil && m.MaxReadRequestUnits != nil {
		reads = *m.MaxReadRequestUnits
	}
	if m != nil && m.MaxWriteRequestUnits != nil {
		writes = *m.MaxWriteRequestUnits
	}
	return reads, writes
}

func sameMaximum(a, b *dynamodb.OnDemandThroughput) bool {
	ar, aw := maxima(a)
	br, bw := maxima(b)
	return ar == br && aw == bw
}

func sameThroughput(d *dynamodb.ProvisionedThroughputDescription, p *dynamodb.ProvisionedThroughput) bool {
	if d == nil || p == nil {
		return p == nil && d == nil
	}
	return same(d.ReadCapacityUnits, p.ReadCapacityUnits) && same(d.WriteCapacityUnits, p.WriteCapacityUnits)
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

func indexOf(wanted *dynamodb.CreateTableInput, name string) *dynamodb.GlobalSecondaryIndex {
	for _, x := range wanted.GlobalSecondaryIndexes {
		if same(x.IndexName, &name) {
			return x
		}
	}
	return nil
}

// indexRemoved removes an index that the table is not to have, or not so.
func indexRemoved(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	for _, x := range d.GlobalSecondaryIndexes {
		if w := indexOf(wanted, *x.IndexName); w == nil || !sameKeys(x.KeySchema, w.KeySchema) || !sameProjection(x.Projection, w.Projection) {
			return &dynamodb.UpdateTableInput{GlobalSecondaryIndexUpdates: []*dynamodb.GlobalSecondaryIndexUpdate{
				{Delete: &dynamodb.DeleteGlobalSecondaryIndexAction{IndexName: x.IndexName}},
			}}
		}
	}
	return nil
}

func indexAdded(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	for _, w := range wanted.GlobalSecondaryIndexes {
		if slices.ContainsFunc(d.GlobalSecondaryIndexes, func(x *dynamodb.GlobalSecondaryIndexDescription) bool { return same(x.IndexName, w.IndexName) }) {
			continue
		}
		return &dynamodb.UpdateTableInput{AttributeDefinitions: wanted.AttributeDefinitions, GlobalSecondaryIndexUpdates: []*dynamodb.GlobalSecondaryIndexUpdate{
			{Create: new(dynamodb.CreateGlobalSecondaryIndexAction(*w))},
		}}
	}
	return nil
}

func indexCapacity(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	in := &dynamodb.UpdateTableInput{}
	for _, x := range d.GlobalSecondaryIndexes {
		w := indexOf(wanted, *x.IndexName)
		update := &dynamodb.UpdateGlobalSecondaryIndexAction{IndexName: x.IndexName}
		switch {
		case w == nil:
			continue
		case isOnDemand(d) && !sameMaximum(x.OnDemandThroughput, w.OnDemandThroughput):
			update.OnDemandThroughput = maximumOf(w.OnDemandThroughput)
		case !isOnDemand(d) && w.ProvisionedThroughput != nil && !sameThroughput(x.ProvisionedThroughput, w.ProvisionedThroughput):
			update.ProvisionedThroughput = w.ProvisionedThroughput
		default:
			continue
		}
		in.GlobalSecondaryIndexUpdates = append(in.GlobalSecondaryIndexUpdates, &dynamodb.GlobalSecondaryIndexUpdate{Update: update})
	}
	if in.GlobalSecondaryIndexUpdates == nil {
		return nil
	}
	return in
}

// warmth raises the warm throughput, which can never be lowered.
func warmth(d *dynamodb.TableDescription, wanted *dynamodb.CreateTableInput) *dynamodb.UpdateTableInput {
	w := wanted.WarmThroughput
	if w == nil || d.WarmThroughput == nil || atLeast(d.WarmThroughput.ReadUnitsPerSecond, w.ReadUnitsPerSecond) && atLeast(d.WarmThroughput.WriteUnitsPerSecond, w.WriteUnitsPerSecond) {
		return nil
	}
	return &dynamodb.UpdateTableInput{WarmThroughput: w}
}

func atLeast(has, want *int64) bool { return want == nil || has != nil && *has >= *want }

func sameKeys(a, b []*dynamodb.KeySchemaElement) bool {
	return slices.EqualFunc(a, b, func(a, b *dynamodb.KeySchemaElement) bool {
		return same(a.AttributeName, b.AttributeName) && same(a.KeyType, b.KeyType)
	})
}

func sameProjection(a, b *dynamodb.Projection) bool {
	if a == nil || b == nil {
		return a == b
	}
	as, bs := slices.Sorted(slices.Values(a.NonKeyAttributes)), slices.Sorted(slices.Values(b.NonKeyAttributes))
	return same(a.ProjectionType, b.ProjectionType) && slices.Equal(as, bs)
}
