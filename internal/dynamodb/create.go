package dynamodb

import (
	"context"
	"crypto/rand"
	"fmt"
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
	if own(st.Tags) > 0 {
		if err := s.authorizeTable(ctx, "TagResource", n, conditions); err != nil {
			return nil, err
		}
	}
	if n.account != api.RequestOf(ctx).Caller.Account {
		return nil, api.ValidationException("A table can only be created in the account of the caller: %s", n.arn())
	}
	if in.ResourcePolicy != nil {
		if err := s.authorizeTable(ctx, "PutResourcePolicy", n, nil); err != nil {
			return nil, err
		}
		policy, err := s.canonicalPolicy(ctx, *in.ResourcePolicy, tableActions)
		if err != nil {
			return nil, err
		}
		if err := s.staysInControl(ctx, n.arn(), policy); err != nil {
			return nil, err
		}
		st.Policy.set(policy, st.Created)
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		taken, err := tx.Get(ctx, tableKey(n))
		if err != nil {
			return err
		}
		if taken != nil {
			return dynamodb.ResourceInUseException("Table already exists: %s", n.name)
		}
		if st.ID, err = nextID(ctx, tx); err != nil {
			return err
		}
		if spec := in.StreamSpecification; spec != nil && *spec.StreamEnabled {
			if err := s.enableStream(ctx, tx, n, st, *spec.StreamViewType); err != nil {
				return err
			}
		}
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
	out := st.describe(n, holding{}, st.Created)
	out.TableStatus = new("CREATING")
	for _, x := range out.GlobalSecondaryIndexes {
		x.IndexStatus = new("CREATING")
	}
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
	if err := st.Maximum.set(in.OnDemandThroughput, st.Billing, ""); err != nil {
		return nil, err
	}
	if err := st.Warm.set(in.WarmThroughput, st.Throughput, st.Billing, ""); err != nil {
		return nil, err
	}
	if err := st.setKeys(in); err != nil {
		return nil, err
	}
	if in.TableClass != nil {
		st.Class, st.ClassSet = *in.TableClass, st.Created
	}
	st.Protected = in.DeletionProtectionEnabled != nil && *in.DeletionProtectionEnabled
	var err error
	st.Tags, err = mergeTags(ctx, nil, in.Tags)
	return st, err
}

// setKeys checks the key schemas of a table and its indexes against the attributes
// that are defined for them, and takes them over.
func (st *tableState) setKeys(in *dynamodb.CreateTableInput) error {
	defined, err := definedBy(in.AttributeDefinitions)
	if err != nil {
		return err
	}
	for _, name := range defined.names {
		st.Defined = append(st.Defined, keyAttribute{name, defined.types[name]})
	}
	if st.Hash, st.Range, err = defined.key(in.KeySchema); err != nil {
		return err
	}
	plain := in.LocalSecondaryIndexes == nil && in.GlobalSecondaryIndexes == nil
	if plain && len(in.KeySchema) != len(defined.names) {
		return invalid("Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	if err := st.setIndexes(in, defined); err != nil {
		return err
	}
	if keys := st.keyedNames(); len(keys) != len(defined.names) {
		return invalid("Some AttributeDefinitions are not used. AttributeDefinitions: [%s], keys used: [%s]", strings.Join(defined.names, ", "), strings.Join(keys, ", "))
	}
	return nil
}

// createRefused names what CreateTable may be asked for on AWS, but not yet here, and
// checks what does not depend on anything else.
func createRefused(in *dynamodb.CreateTableInput) error {
	switch {
	case in.VectorIndexes != nil:
		return unavailable("VectorIndexes")
	case in.GlobalTableSourceArn != nil:
		return unavailable("GlobalTableSourceArn")
	case in.GlobalTableSettingsReplicationMode != nil && *in.GlobalTableSettingsReplicationMode != "DISABLED":
		return unavailable("GlobalTableSettingsReplicationMode")
	}
	if err := checkStream(in.StreamSpecification); err != nil {
		return err
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
