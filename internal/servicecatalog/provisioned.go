package servicecatalog

import (
	"context"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// provisioned is a provisioned product: what was launched of a product.
type provisioned struct {
	ID, Account, Region, Name string
	Status, Message           string
	Created                   time.Time
	Token                     string // of the request that launched it
	Product, Artifact, Path   string
	// LastRecord is of what was done last, LastProvisioning of the last launch or update
	// and LastSuccessful of the last of those that succeeded.
	LastRecord, LastProvisioning, LastSuccessful string
	Stack                                        string            // its ARN
	LaunchRole                                   string            `json:",omitzero"`
	AdminRole                                    string            `json:",omitzero"`  // of a STACKSET constraint
	Tags                                         map[string]string `json:",omitempty"` // that it was launched with
	Asked                                        map[string]string `json:",omitempty"` // those of them that the request had
	Values                                       map[string]string `json:",omitempty"` // of the parameters that were given
	Notifications                                []string          `json:",omitempty"`
	// Owner is the principal that launched it, Session the session in which it did.
	Owner, Session string
	Imported       bool `json:",omitzero"`
	// Plan is the plan that is not executed yet, Role the launch role that an administrator set,
	// whatever the constraints say.
	Plan string `json:",omitzero"`
	Role string `json:",omitzero"`
}

// The statuses of a provisioned product.
const (
	available      = "AVAILABLE"
	underChange    = "UNDER_CHANGE"
	tainted        = "TAINTED"
	broken         = "ERROR"
	planInProgress = "PLAN_IN_PROGRESS"
)

// typeOf is the type of what is launched: behind a STACKSET constraint it is a stack set, though
// of one stack.
func typeOf(set bool) string {
	if set {
		return "CFN_STACKSET"
	}
	return "CFN_STACK"
}

func (p *provisioned) arn() string {
	return "arn:aws:servicecatalog:" + p.Region + ":" + p.Account + ":stack/" + p.Name + "/" + p.ID
}

func (p *provisioned) key() []byte { return key(launchedKind, p.Region, p.Account, p.ID) }
func (p *provisioned) nameKey() []byte {
	return key(launchedNameKind, p.Region, p.Account, p.Name)
}

func (p *provisioned) detail() *shapes.ProvisionedProductDetail {
	return &shapes.ProvisionedProductDetail{
		Name: &p.Name, Arn: new(p.arn()), Type: new(typeOf(p.AdminRole != "")), Id: &p.ID, Status: &p.Status, StatusMessage: optional(p.Message), CreatedTime: &p.Created,
		IdempotencyToken: &p.Token, LastRecordId: &p.LastRecord, LastProvisioningRecordId: optional(p.LastProvisioning),
		LastSuccessfulProvisioningRecordId: optional(p.LastSuccessful), ProductId: &p.Product, ProvisioningArtifactId: &p.Artifact, LaunchRoleArn: optional(p.LaunchRole),
	}
}

// levels are the condition keys of how near a caller is to whoever launched.
func levels(r *api.Request, owner, session string) map[string][]string {
	c := map[string][]string{"servicecatalog:accountLevel": {"self"}}
	if owner == r.Caller.Principal {
		c["servicecatalog:roleLevel"] = []string{"self"}
	}
	if session == r.Caller.ARN {
		c["servicecatalog:userLevel"] = []string{"self"}
	}
	return c
}

// findProvisioned finds a provisioned product of the caller's account by its ID or its name,
// nil if there is none.
func findProvisioned(ctx context.Context, tx kv.Reader, id, name string) (*provisioned, error) {
	account, region := home(ctx)
	if id == "" {
		if p, ok := nameOfARN(name); ok {
			name = p
		}
		b, err := tx.Get(ctx, key(launchedNameKind, region, account, name))
		if err != nil || b == nil {
			return nil, err
		}
		id = string(b)
	}
	return get[provisioned](ctx, tx, key(launchedKind, region, account, id))
}

// onProvisioned authorizes an action on a provisioned product, which it returns. One that is
// not there is told only to who may do it.
func (s *Service) onProvisioned(ctx context.Context, action, id, name string) (p *provisioned, err error) {
	if (id == "") == (name == "") {
		return nil, invalid("Exactly one of the ID and the name of a provisioned product is required.")
	}
	err = s.view(ctx, func(tx kv.Reader) error {
		p, err = findProvisioned(ctx, tx, id, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	account, region := home(ctx)
	if p == nil {
		// Who may only see their own is told, too, that there is nothing any more.
		r := api.RequestOf(ctx)
		if err := s.ask(ctx, action, "arn:aws:servicecatalog:"+region+":"+account+":stack/"+name+"/"+id, nil, levels(r, r.Caller.Principal, r.Caller.ARN)); err != nil {
			return nil, err
		}
		return nil, missing("Provisioned product %s not found.", id+name)
	}
	return p, s.ask(ctx, action, p.arn(), p.Tags, levels(api.RequestOf(ctx), p.Owner, p.Session))
}

// DescribeProvisionedProduct describes a provisioned product.
func (s *Service) DescribeProvisionedProduct(ctx context.Context, in *shapes.DescribeProvisionedProductInput) (*shapes.DescribeProvisionedProductOutput, error) {
	p, err := s.onProvisioned(ctx, "DescribeProvisionedProduct", text(in.Id), text(in.Name))
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeProvisionedProductOutput{ProvisionedProductDetail: p.detail(), CloudWatchDashboards: []*shapes.CloudWatchDashboard{}}, nil
}

// GetProvisionedProductOutputs returns the outputs of a provisioned product.
func (s *Service) GetProvisionedProductOutputs(ctx context.Context, in *shapes.GetProvisionedProductOutputsInput) (*shapes.GetProvisionedProductOutputsOutput, error) {
	p, err := s.onProvisioned(ctx, "GetProvisionedProductOutputs", text(in.ProvisionedProductId), text(in.ProvisionedProductName))
	if err != nil {
		return nil, err
	}
	var list []*shapes.RecordOutput
	err = s.view(ctx, func(tx kv.Reader) error {
		r, err := get[record](ctx, tx, key(recordKind, p.Region, p.Account, p.LastProvisioning))
		if err != nil || r == nil {
			return err
		}
		for _, k := range in.OutputKeys {
			if r.output(k) == nil {
				return invalid("Output key %s not found.", k)
			}
		}
		for _, o := range r.Outputs {
			if len(in.OutputKeys) == 0 || contains(in.OutputKeys, o.Key) {
				list = append(list, o.shape())
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(o *shapes.RecordOutput) string { return *o.OutputKey }, append([]string{p.ID}, in.OutputKeys...)...)
	return &shapes.GetProvisionedProductOutputsOutput{Outputs: append([]*shapes.RecordOutput{}, some...), NextPageToken: next}, err
}
