package dynamodb

import (
	"context"
	"slices"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// UpdateTable changes a table's billing mode or throughput, its stream, its class, its
// protection against deletion, or its global indexes. It answers that the table is being
// updated, as waiters expect; the change is there before the answer is, but for the
// filling of a new index and the removal of what an old one held.
func (s *Service) UpdateTable(ctx context.Context, in *dynamodb.UpdateTableInput) (*dynamodb.UpdateTableOutput, error) {
	n, err := nameOf(ctx, in.TableName)
	if err != nil {
		return nil, err
	}
	if err := checkUpdate(in); err != nil {
		return nil, err
	}
	if err := s.authorizeTable(ctx, "UpdateTable", n, nil); err != nil {
		return nil, err
	}
	out := &dynamodb.UpdateTableOutput{}
	err = s.update(ctx, func(tx kv.Txn) error {
		t, err := s.findWhole(ctx, tx, n)
		if err != nil {
			return err
		}
		st, now := t.tableState, s.now().UTC()
		st.Indexes = slices.Clone(st.Indexes)
		if err := st.checkDeleting(n, in); err != nil {
			return err
		}
		if in.StreamSpecification != nil {
			if err := s.setStream(ctx, tx, n, &st, in.StreamSpecification); err != nil {
				return err
			}
		}
		if in.StreamSpecification == nil || in.BillingMode != nil {
			if err := st.change(in, now); err != nil {
				return err
			}
		}
		online, err := st.updateIndexes(n, in, now)
		if err != nil {
			return err
		}
		if online != nil {
			if err := s.enqueueIndex(ctx, tx, n, t.ID, online); err != nil {
				return err
			}
		}
		if err := st.put(tx, n); err != nil {
			return err
		}
		holds, err := s.sizeOf(ctx, tx, t)
		if err != nil {
			return err
		}
		s.recordTable(ctx, tx, n, in)
		out.TableDescription = st.describe(n, holds, now)
		out.TableDescription.TableStatus = new("UPDATING")
		answerIndexUpdates(out.TableDescription, in)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.cache.drop(n)
	s.adopt(ctx, n)
	if in.GlobalSecondaryIndexUpdates != nil {
		s.jobs.Wake()
	}
	return out, nil
}

// checkUpdate checks what UpdateTable asks for as far as it does not depend on the
// table.
func checkUpdate(in *dynamodb.UpdateTableInput) error {
	switch {
	case in.VectorIndexUpdates != nil:
		return unavailable("VectorIndexUpdates")
	case in.DisassociationProtectionEnabled != nil:
		return unavailable("DisassociationProtectionEnabled")
	case in.ReplicaUpdates != nil:
		return unavailable("ReplicaUpdates")
	case in.MultiRegionConsistency != nil:
		return unavailable("MultiRegionConsistency")
	case in.GlobalTableWitnessUpdates != nil:
		return unavailable("GlobalTableWitnessUpdates")
	case in.GlobalTableSettingsReplicationMode != nil:
		return unavailable("GlobalTableSettingsReplicationMode")
	}
	if err := checkStreamUpdate(in.StreamSpecification); err != nil {
		return err
	}
	if err := checkEncryption(in.SSESpecification); err != nil {
		return err
	}
	capacity := in.BillingMode != nil || in.ProvisionedThroughput != nil || in.OnDemandThroughput != nil
	asked := 0
	for _, wanted := range []bool{capacity, in.WarmThroughput != nil, in.StreamSpecification != nil, in.SSESpecification != nil, in.TableClass != nil, in.DeletionProtectionEnabled != nil} {
		if wanted {
			asked++
		}
	}
	if len(in.GlobalSecondaryIndexUpdates) > 0 {
		asked++
	}
	switch {
	case asked == 0:
		return api.ValidationException("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, SSESpecification, ReplicaUpdates, " +
			"MultiAccountReplicaReady, ReplicaTransitRoleArn, MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is required")
	case asked > 1 && in.SSESpecification != nil:
		return invalid("Server-Side Encryption modification must be the only operation in the request")
	case asked > 1 && in.TableClass != nil:
		return invalid("TableClass modification must be the only operation in the request")
	case asked > 1 && in.DeletionProtectionEnabled != nil:
		return invalid("DeletionProtection modification must be the only operation in the request")
	case in.GlobalSecondaryIndexUpdates != nil && len(in.GlobalSecondaryIndexUpdates) == 0:
		return invalid("List of GlobalSecondaryIndexUpdates is empty")
	}
	if err := checkIndexUpdates(in); err != nil {
		return err
	}
	if len(in.GlobalSecondaryIndexUpdates) > 0 {
		asked-- // they may come with what is left
	}
	switch {
	case asked > 1 && in.WarmThroughput != nil:
		return invalid("WarmThroughput must be the only operation in the request")
	case in.OnDemandThroughput != nil && (asked > 1 || in.ProvisionedThroughput != nil):
		return invalid("OnDemandThroughput can only be combined with BillingMode in an UpdateTable request")
	case asked > 1 && !is(in.BillingMode, "PAY_PER_REQUEST"):
		return invalid("You cannot modify stream status while updating table IOPS")
	}
	if in.ProvisionedThroughput != nil {
		return checkThroughput(in.ProvisionedThroughput)
	}
	return nil
}

// change applies what UpdateTable asks for.
func (st *tableState) change(in *dynamodb.UpdateTableInput, now time.Time) error {
	switch {
	case in.SSESpecification != nil:
		return invalid("Table is already encrypted by default")
	case in.TableClass != nil:
		if *in.TableClass != st.class() {
			st.Class, st.ClassSet = *in.TableClass, now
		}
	case in.DeletionProtectionEnabled != nil:
		st.Protected = *in.DeletionProtectionEnabled
	case in.WarmThroughput != nil:
		return st.Warm.raise(in.WarmThroughput, st.Throughput, st.Billing, "")
	case in.BillingMode != nil || in.ProvisionedThroughput != nil || in.OnDemandThroughput != nil:
		return st.changeCapacity(in, now)
	}
	return nil
}

// changeCapacity applies what UpdateTable asks for of billing and throughput.
func (st *tableState) changeCapacity(in *dynamodb.UpdateTableInput, now time.Time) error {
	st.keepWarm()
	defer st.keepWarm()
	switch {
	case in.BillingMode != nil && *in.BillingMode == "PAY_PER_REQUEST":
		if in.ProvisionedThroughput != nil {
			return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
		}
		if !st.Billing.OnDemand {
			st.Billing = billing{OnDemand: true, OnDemandSince: now}
			st.Throughput.Read, st.Throughput.Write = 0, 0
			for i := range st.Indexes {
				st.Indexes[i].Throughput.Read, st.Indexes[i].Throughput.Write = 0, 0
			}
		}
		return st.Maximum.change(in.OnDemandThroughput, st.Billing, "")
	case in.OnDemandThroughput != nil && in.BillingMode == nil:
		return st.Maximum.change(in.OnDemandThroughput, st.Billing, "")
	case in.OnDemandThroughput != nil:
		if err := st.Maximum.change(in.OnDemandThroughput, billing{}, ""); err != nil {
			return err
		}
		return invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case in.ProvisionedThroughput == nil:
		return invalid("ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	case st.Billing.OnDemand && in.BillingMode == nil:
		return invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case st.Billing.OnDemand:
		for _, x := range st.Indexes {
			if !x.Local && provisions(in, x.Name) == nil {
				return invalid("ProvisionedThroughput must be specified for index: %s", x.Name)
			}
		}
		st.Billing.OnDemand, st.Maximum = false, maximum{}
		for i := range st.Indexes {
			st.Indexes[i].Maximum = maximum{}
		}
		st.Throughput.Read = *in.ProvisionedThroughput.ReadCapacityUnits
		st.Throughput.Write = *in.ProvisionedThroughput.WriteCapacityUnits
	default:
		return st.Throughput.change(*in.ProvisionedThroughput.ReadCapacityUnits, *in.ProvisionedThroughput.WriteCapacityUnits, "", now)
	}
	return nil
}

func (st *tableState) class() string {
	if st.Class == "" {
		return "STANDARD"
	}
	return st.Class
}
