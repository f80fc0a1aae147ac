package dynamodb

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// CreateTable makes a table. It answers that the table is being created, as
// waiters expect; the table is there before the answer is.
func (s *Service) CreateTable(ctx context.Context, in *dynamodb.CreateTableInput) (*dynamodb.CreateTableOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	st, err := s.newTable(ctx, in)
	if err != nil {
		return nil, err
	}
	conditions := requestTags(st.Tags)
	if err := s.authorizeTable(ctx, "CreateTable", n, conditions); err != nil {
		return nil, err
	}
	if len(st.Tags) > 0 {
		if err := s.authorizeTable(ctx, "TagResource", n, conditions); err != nil {
			return nil, err
		}
	}
	if n.account != api.RequestOf(ctx).Caller.Account {
		return nil, api.ValidationException("A table can only be created in the account of the caller: %s", n.arn())
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		taken, err := tx.Get(ctx, tableKey(n))
		if err != nil {
			return err
		}
		if taken != nil {
			return dynamodb.ResourceInUseException("Table already exists: %s", n.name)
		}
		last, err := tx.Get(ctx, lastIDKey)
		if err != nil {
			return err
		}
		st.ID = decodeID(last) + 1
		tx.Put(lastIDKey, encodeID(st.ID))
		if err := st.put(tx, n); err != nil {
			return err
		}
		s.recordTable(ctx, tx, n, in)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	out := st.describe(n, size{}, st.Created)
	out.TableStatus = new("CREATING")
	return &dynamodb.CreateTableOutput{TableDescription: out}, nil
}

// newTable checks what CreateTable asks for beyond the service model.
func (s *Service) newTable(ctx context.Context, in *dynamodb.CreateTableInput) (*tableState, error) {
	if err := createRefused(in); err != nil {
		return nil, err
	}
	st := &tableState{UUID: newTableID(), Created: s.now().UTC()}
	switch {
	case in.BillingMode != nil && *in.BillingMode == "PAY_PER_REQUEST":
		if in.ProvisionedThroughput != nil {
			return nil, invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		st.Billing = billing{OnDemand: true, OnDemandSince: st.Created}
	case in.ProvisionedThroughput == nil:
		return nil, invalid("ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	default:
		if err := checkThroughput(in.ProvisionedThroughput); err != nil {
			return nil, err
		}
		st.Throughput.Read = *in.ProvisionedThroughput.ReadCapacityUnits
		st.Throughput.Write = *in.ProvisionedThroughput.WriteCapacityUnits
	}
	if err := st.setKey(in.KeySchema, in.AttributeDefinitions); err != nil {
		return nil, err
	}
	if in.TableClass != nil {
		st.Class, st.ClassSet = *in.TableClass, st.Created
	}
	st.Protected = in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled
	var err error
	st.Tags, err = mergeTags(nil, in.Tags)
	return st, err
}

// setKey checks a key schema against the attributes that are defined for it, and
// takes it over.
func (st *tableState) setKey(schema []*dynamodb.KeySchemaElement, defined []*dynamodb.AttributeDefinition) error {
	types := map[string]string{}
	var definedNames, keys []string
	for _, d := range defined {
		if _, ok := types[*d.AttributeName]; ok {
			return api.ValidationException("Attribute Name is duplicated: %s", *d.AttributeName)
		}
		types[*d.AttributeName] = *d.AttributeType
		definedNames = append(definedNames, *d.AttributeName)
		st.Defined = append(st.Defined, keyAttribute{*d.AttributeName, *d.AttributeType})
	}
	for _, k := range schema {
		keys = append(keys, *k.AttributeName)
	}
	switch {
	case len(schema) == 0:
		return invalid("KeySchema is not specified")
	case len(schema) > 2:
		return invalid("The KeySchema exceeds the maximum allowed number of RANGE key attributes")
	case len(keys) > len(defined):
		return api.ValidationException("Invalid KeySchema: Some index key attribute have no definition")
	case slices.ContainsFunc(keys, func(k string) bool { return types[k] == "" }):
		return invalid("Some index key attributes are not defined in AttributeDefinitions. Keys: [%s], AttributeDefinitions: [%s]",
			strings.Join(keys, ", "), strings.Join(definedNames, ", "))
	case len(keys) == 2 && keys[0] == keys[1]:
		return api.ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case *schema[0].KeyType != "HASH":
		return api.ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(schema) == 2 && *schema[1].KeyType != "RANGE":
		return api.ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	case len(keys) != len(defined):
		return invalid("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	st.Hash = keyAttribute{keys[0], types[keys[0]]}
	if len(keys) == 2 {
		st.Range = &keyAttribute{keys[1], types[keys[1]]}
	}
	return nil
}

// createRefused names what CreateTable may be asked for on AWS, but not yet here.
func createRefused(in *dynamodb.CreateTableInput) error {
	switch {
	case in.GlobalSecondaryIndexes != nil:
		return unavailable("GlobalSecondaryIndexes")
	case in.LocalSecondaryIndexes != nil:
		return unavailable("LocalSecondaryIndexes")
	case in.VectorIndexes != nil:
		return unavailable("VectorIndexes")
	case in.ResourcePolicy != nil:
		return unavailable("ResourcePolicy")
	case in.OnDemandThroughput != nil:
		return unavailable("OnDemandThroughput")
	case in.WarmThroughput != nil:
		return unavailable("WarmThroughput")
	case in.GlobalTableSourceArn != nil:
		return unavailable("GlobalTableSourceArn")
	case in.GlobalTableSettingsReplicationMode != nil && *in.GlobalTableSettingsReplicationMode != "DISABLED":
		return unavailable("GlobalTableSettingsReplicationMode")
	}
	if st := in.StreamSpecification; st != nil {
		if *st.StreamEnabled {
			return unavailable("StreamSpecification with StreamEnabled")
		}
		if st.StreamViewType != nil {
			return invalid("Table is being created with a stream disabled, UpdateViewType should not be specified")
		}
	}
	return checkEncryption(in.SSESpecification)
}

// checkEncryption accepts what asks for no key of the customer's.
func checkEncryption(sse *dynamodb.SSESpecification) error {
	switch {
	case sse == nil:
	case sse.Enabled != nil && *sse.Enabled:
		return unavailable("SSESpecification with a key of KMS")
	case sse.SSEType != nil:
		return invalid("SSEType can not be specified if Enabled is false")
	case sse.KMSMasterKeyId != nil:
		return invalid("KMSMasterKeyId can not be specified if Enabled is false")
	}
	return nil
}

// invalid is the ValidationException of a parameter, in DynamoDB's usual opening.
func invalid(format string, args ...any) error {
	return api.ValidationException("One or more parameter values were invalid: "+format, args...)
}

// unavailable is the ValidationException of a parameter that this server does not
// support: it is refused rather than accepted and ignored.
func unavailable(what string) error {
	return api.ValidationException("%s is not available on this server yet", what)
}

// newTableID returns a random UUID (RFC 9562, version 4).
func newTableID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
