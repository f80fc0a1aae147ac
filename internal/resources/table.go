package resources

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/cloudformation"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
)

// table is AWS::DynamoDB::Table.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
func table(s service) *cloudformation.Type {
	return &cloudformation.Type{
		Name: "AWS::DynamoDB::Table", NamedBy: "TableName",
		Properties: properties("TableName*", "KeySchema!*", "LocalSecondaryIndexes*", "ImportSourceSpecification*",
			"AttributeDefinitions", "BillingMode", "ContributorInsightsSpecification", "DeletionProtectionEnabled",
			"GlobalSecondaryIndexes", "KinesisStreamSpecification", "OnDemandThroughput", "PointInTimeRecoverySpecification",
			"ProvisionedThroughput", "ResourcePolicy", "SSESpecification", "StreamSpecification", "TableClass", "Tags",
			"TimeToLiveSpecification", "WarmThroughput"),
		Attributes: []string{"Arn", "StreamArn"},
		Handler:    tables{s},
	}
}

type tables struct{ service }

// pollEvery is how often a handler looks whether what it waits for is there.
const pollEvery = 20 * time.Millisecond

func dynamoTag(k, v *string) *dynamodb.Tag { return &dynamodb.Tag{Key: k, Value: v} }

func (h tables) Create(ctx context.Context, r *cloudformation.Request) (cloudformation.Made, error) {
	name := named(r, "TableName")
	in, err := tableInput(name, r.Properties)
	if err != nil {
		return cloudformation.Made{}, err
	}
	tags, err := tagsOf(r.Properties, r.Tags)
	if err != nil {
		return cloudformation.Made{}, err
	}
	in.Tags = pairs(tags, dynamoTag)
	out, err := ask[dynamodb.CreateTableOutput](ctx, h.service, "CreateTable", in)
	var d *dynamodb.TableDescription
	switch {
	case isCode(err, "ResourceInUseException") && r.PhysicalID != "":
		if d, err = h.describe(ctx, name); err != nil {
			return cloudformation.Made{}, err
		}
	case err != nil:
		return cloudformation.Made{}, err
	default:
		d = out.TableDescription
	}
	made := madeTable(d)
	if err := h.setAside(ctx, r, name); err != nil {
		return made, err
	}
	return made, h.settle(ctx, name)
}

// tableInput is what CreateTable is asked for.
func tableInput(name string, properties *template.Node) (*dynamodb.CreateTableInput, error) {
	in := &dynamodb.CreateTableInput{}
	// Properties that CreateTable has, too, but in another form.
	rest := without(properties, "StreamSpecification", "ResourcePolicy", "SSESpecification", "GlobalSecondaryIndexes")
	if err := fill(in, rest); err != nil {
		return nil, err
	}
	if list := properties.Get("GlobalSecondaryIndexes"); list != nil {
		indexes := make([]*template.Node, len(list.Items))
		for i, x := range list.Items {
			indexes[i] = without(x, "ContributorInsightsSpecification")
		}
		if err := fill(in, template.NewMap(template.Field{Name: "GlobalSecondaryIndexes", Value: template.NewList(indexes...)})); err != nil {
			return nil, err
		}
	}
	in.TableName = &name
	var err error
	if in.StreamSpecification, err = streamOf(properties); err != nil {
		return nil, err
	}
	if in.SSESpecification, err = encryptionOf(properties); err != nil {
		return nil, err
	}
	in.ResourcePolicy = document(properties.Get("ResourcePolicy").Get("PolicyDocument"))
	if refused := refusedTable(properties); refused != nil {
		return nil, refused
	}
	return in, nil
}

// refusedTable refuses what a table here does not have.
func refusedTable(properties *template.Node) error {
	for _, p := range []struct {
		name string
		asks bool
	}{
		{"ImportSourceSpecification", properties.Get("ImportSourceSpecification") != nil},
		{"KinesisStreamSpecification", properties.Get("KinesisStreamSpecification") != nil},
		{"ContributorInsightsSpecification", isTrue(properties.Get("ContributorInsightsSpecification"), "Enabled")},
	} {
		if p.asks {
			return api.ValidationException("%s is not available on this server yet", p.name)
		}
	}
	return nil
}

// without is a map without some of its members.
func without(n *template.Node, names ...string) *template.Node {
	if n == nil || n.Kind != template.Map {
		return n
	}
	left := template.NewMap()
	for _, f := range n.Fields {
		if !contains(names, f.Name) {
			left.Fields = append(left.Fields, f)
		}
	}
	return left
}

// streamOf is the stream that a template asks for, nil for none: it says no more than
// what is in the records.
func streamOf(properties *template.Node) (*dynamodb.StreamSpecification, error) {
	n := properties.Get("StreamSpecification")
	if n == nil {
		return nil, nil
	}
	spec := &dynamodb.StreamSpecification{}
	if err := fill(spec, without(n, "ResourcePolicy")); err != nil {
		return nil, err
	}
	spec.StreamEnabled = new(true)
	return spec, nil
}

func encryptionOf(properties *template.Node) (*dynamodb.SSESpecification, error) {
	n := properties.Get("SSESpecification")
	if n == nil {
		return nil, nil
	}
	spec := &dynamodb.SSESpecification{Enabled: new(isTrue(n, "SSEEnabled"))}
	return spec, fill(spec, without(n, "SSEEnabled"))
}

func (h tables) Find(ctx context.Context, r *cloudformation.Request) (string, error) {
	d, err := h.describe(ctx, named(r, "TableName"))
	if err != nil {
		return found(r, nil, nil, nil, err, "ResourceNotFoundException")
	}
	tags, err := ask[dynamodb.ListTagsOfResourceOutput](ctx, h.service, "ListTagsOfResource", &dynamodb.ListTagsOfResourceInput{ResourceArn: d.TableArn})
	if err != nil {
		return "", err
	}
	has := map[string]string{}
	for _, t := range tags.Tags {
		has[*t.Key] = *t.Value
	}
	return found(r, d.TableName, has, d.CreationDateTime, nil)
}

func (h tables) describe(ctx context.Context, name string) (*dynamodb.TableDescription, error) {
	out, err := ask[dynamodb.DescribeTableOutput](ctx, h.service, "DescribeTable", &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func madeTable(d *dynamodb.TableDescription) cloudformation.Made {
	return cloudformation.Made{PhysicalID: *d.TableName, Attributes: attributes("Arn", d.TableArn, "StreamArn", d.LatestStreamArn)}
}

// setAside sets what a table has beside its description, as far as it differs.
func (h tables) setAside(ctx context.Context, r *cloudformation.Request, name string) error {
	wanted, had := r.Properties, r.Previous
	if had == nil {
		had = template.NewMap()
	}
	if p := wanted.Get("PointInTimeRecoverySpecification"); r.Retry && had.Fields != nil || !p.Equal(had.Get("PointInTimeRecoverySpecification")) {
		spec := &dynamodb.PointInTimeRecoverySpecification{}
		if p != nil {
			if err := fill(spec, p); err != nil {
				return err
			}
		}
		if spec.PointInTimeRecoveryEnabled == nil {
			spec.PointInTimeRecoveryEnabled = new(false)
		}
		if err := h.tell(ctx, "UpdateContinuousBackups", &dynamodb.UpdateContinuousBackupsInput{TableName: &name, PointInTimeRecoverySpecification: spec}); err != nil {
			return err
		}
	}
	if p := wanted.Get("TimeToLiveSpecification"); r.Retry || !p.Equal(had.Get("TimeToLiveSpecification")) {
		return h.setTimeToLive(ctx, p, name)
	}
	return nil
}

// setTimeToLive lets a table's items expire as a property says, if they do not yet. Of two
// attributes one after the other the service says that it takes two changes.
func (h tables) setTimeToLive(ctx context.Context, p *template.Node, name string) error {
	spec := &dynamodb.TimeToLiveSpecification{Enabled: new(false)}
	if p != nil {
		if err := fill(spec, p); err != nil {
			return err
		}
	}
	if spec.Enabled == nil {
		spec.Enabled = new(false)
	}
	out, err := ask[dynamodb.DescribeTimeToLiveOutput](ctx, h.service, "DescribeTimeToLive", &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return err
	}
	now := out.TimeToLiveDescription
	on := now.AttributeName != nil && (*now.TimeToLiveStatus == "ENABLED" || *now.TimeToLiveStatus == "ENABLING")
	switch {
	case !*spec.Enabled && !on, *spec.Enabled && on && spec.AttributeName != nil && *spec.AttributeName == *now.AttributeName:
		return nil
	case !*spec.Enabled:
		spec.AttributeName = now.AttributeName
	}
	return h.tell(ctx, "UpdateTimeToLive", &dynamodb.UpdateTimeToLiveInput{TableName: &name, TimeToLiveSpecification: spec})
}

// settle waits until a table and its indexes are what they were asked to be.
func (h tables) settle(ctx context.Context, name string) error {
	for {
		d, err := h.describe(ctx, name)
		if err != nil {
			return err
		}
		busy := *d.TableStatus != "ACTIVE"
		for _, x := range d.GlobalSecondaryIndexes {
			busy = busy || *x.IndexStatus != "ACTIVE"
		}
		if !busy {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits until it is time to look again.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

func (h tables) Delete(ctx context.Context, r *cloudformation.Request) error {
	err := h.tell(ctx, "DeleteTable", &dynamodb.DeleteTableInput{TableName: &r.PhysicalID})
	for err == nil {
		if _, err = h.describe(ctx, r.PhysicalID); err == nil {
			err = pause(ctx)
		}
	}
	return absent(err, "ResourceNotFoundException")
}
