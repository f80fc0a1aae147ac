package servicecatalog

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// record is what is kept of something that was done to a provisioned product. It outlives
// that, and its product.
type record struct {
	ID, Account, Region string
	Type, Status        string
	Created, Updated    time.Time
	Provisioned, Name   string // the provisioned product
	Product, Artifact   string
	Path                string
	Errors              []failure         `json:",omitempty"`
	Tags                map[string]string `json:",omitempty"`
	Outputs             []output          `json:",omitempty"`
	LaunchRole          string            `json:",omitzero"`
	StackSet            bool              `json:",omitzero"`
	Owner, Session      string
	Work                *work `json:",omitempty"` // until it is done
}

type failure struct{ Code, Description string }

type output struct{ Key, Value, Description string }

func (o output) shape() *shapes.RecordOutput {
	return &shapes.RecordOutput{OutputKey: &o.Key, OutputValue: &o.Value, Description: optional(o.Description)}
}

// The types of records, and their statuses.
const (
	provisionRecord = "PROVISION_PRODUCT"
	updateRecord    = "UPDATE_PROVISIONED_PRODUCT"
	terminateRecord = "TERMINATE_PROVISIONED_PRODUCT"
	importRecord    = "IMPORT_PROVISIONED_PRODUCT"
	propertyRecord  = "UPDATE_PROVISIONED_PRODUCT_PROPERTIES"

	recordCreated   = "CREATED"
	recordRuns      = "IN_PROGRESS"
	recordFails     = "IN_PROGRESS_IN_ERROR"
	recordSucceeded = "SUCCEEDED"
	recordFailed    = "FAILED"
)

func (r *record) key() []byte { return key(recordKind, r.Region, r.Account, r.ID) }

// historyKey orders records by their time, the newest first.
func (r *record) historyKey() []byte {
	k := key(historyKind, r.Region, r.Account)
	return tuple.AppendString(tuple.AppendUint(k, math.MaxUint64-uint64(r.Created.UnixMicro())), r.ID)
}

func (r *record) output(k string) *output {
	for i := range r.Outputs {
		if r.Outputs[i].Key == k {
			return &r.Outputs[i]
		}
	}
	return nil
}

// ended tells whether nothing more happens to the record.
func (r *record) ended() bool { return r.Status == recordSucceeded || r.Status == recordFailed }

func (r *record) detail() *shapes.RecordDetail {
	d := &shapes.RecordDetail{
		RecordId: &r.ID, ProvisionedProductName: &r.Name, Status: &r.Status, CreatedTime: &r.Created, UpdatedTime: &r.Updated,
		ProvisionedProductType: new(typeOf(r.StackSet)), RecordType: &r.Type, ProvisionedProductId: &r.Provisioned, ProductId: optional(r.Product),
		ProvisioningArtifactId: optional(r.Artifact), PathId: optional(r.Path), RecordErrors: []*shapes.RecordError{}, RecordTags: []*shapes.RecordTag{},
		LaunchRoleArn: optional(r.LaunchRole),
	}
	for _, e := range r.Errors {
		d.RecordErrors = append(d.RecordErrors, &shapes.RecordError{Code: &e.Code, Description: &e.Description})
	}
	for _, t := range tagsOf(r.Tags) {
		d.RecordTags = append(d.RecordTags, &shapes.RecordTag{Key: t.Key, Value: t.Value})
	}
	return d
}

// DescribeRecord describes a record, with the outputs of what it is about.
func (s *Service) DescribeRecord(ctx context.Context, in *shapes.DescribeRecordInput) (*shapes.DescribeRecordOutput, error) {
	account, region := home(ctx)
	var r *record
	err := s.view(ctx, func(tx kv.Reader) (err error) {
		r, err = get[record](ctx, tx, key(recordKind, region, account, *in.Id))
		return err
	})
	if err != nil {
		return nil, err
	}
	q := api.RequestOf(ctx)
	if r == nil {
		if err := s.ask(ctx, "DescribeRecord", "*", nil, levels(q, q.Caller.Principal, q.Caller.ARN)); err != nil {
			return nil, err
		}
		return nil, missing("Record %s not found.", *in.Id)
	}
	if err := s.ask(ctx, "DescribeRecord", "*", nil, levels(q, r.Owner, r.Session)); err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, r.Outputs, in.PageSize, in.PageToken, func(o output) string { return o.Key }, r.ID)
	out := &shapes.DescribeRecordOutput{RecordDetail: r.detail(), RecordOutputs: []*shapes.RecordOutput{}, NextPageToken: next}
	for _, o := range some {
		out.RecordOutputs = append(out.RecordOutputs, o.shape())
	}
	return out, err
}

// access is what a listing of an access level shows: everything of the account, or what the
// caller's role, or user, has launched.
type access struct {
	level string
	c     *api.Caller
}

// accessOf reads an access level, and asks policy for it. Without one it is that of the user.
func (s *Service) accessOf(ctx context.Context, action string, f *shapes.AccessLevelFilter) (access, error) {
	r := api.RequestOf(ctx)
	a := access{"User", &r.Caller}
	if f != nil {
		if v := text(f.Value); v != "" && v != "self" {
			return a, invalid("Invalid value of the access level filter: %s", v)
		}
		a.level = text(f.Key)
	}
	owner, session := r.Caller.Principal, r.Caller.ARN
	switch a.level {
	case "Account":
		owner, session = "", ""
	case "Role":
		session = ""
	}
	return a, s.ask(ctx, action, "*", nil, levels(r, owner, session))
}

func (a access) shows(owner, session string) bool {
	switch a.level {
	case "Account":
		return true
	case "Role":
		return owner == a.c.Principal
	}
	return session == a.c.ARN
}

// ListRecordHistory lists records, the newest first.
func (s *Service) ListRecordHistory(ctx context.Context, in *shapes.ListRecordHistoryInput) (*shapes.ListRecordHistoryOutput, error) {
	a, err := s.accessOf(ctx, "ListRecordHistory", in.AccessLevelFilter)
	if err != nil {
		return nil, err
	}
	by, value := "", ""
	if f := in.SearchFilter; f != nil {
		if by, value = strings.ToLower(text(f.Key)), text(f.Value); by != "provisionedproduct" && by != "product" {
			return nil, invalid("Invalid search filter: %s", text(f.Key))
		}
	}
	account, region := home(ctx)
	var list []*record
	err = s.view(ctx, func(tx kv.Reader) error {
		some, err := historyIDs(ctx, tx, key(historyKind, region, account))
		if err != nil {
			return err
		}
		for _, id := range some {
			r, err := get[record](ctx, tx, key(recordKind, region, account, id))
			if err != nil {
				return err
			}
			if !a.shows(r.Owner, r.Session) || by == "product" && r.Product != value || by == "provisionedproduct" && r.Provisioned != value {
				continue
			}
			list = append(list, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, func(r *record) string { return r.ID }, a.level, by, value)
	out := &shapes.ListRecordHistoryOutput{RecordDetails: []*shapes.RecordDetail{}, NextPageToken: next}
	for _, r := range some {
		out.RecordDetails = append(out.RecordDetails, r.detail())
	}
	return out, err
}

func historyIDs(ctx context.Context, tx kv.Reader, prefix []byte) (list []string, err error) {
	for p, err := range below(ctx, tx, prefix) {
		if err != nil {
			return nil, err
		}
		_, rest, err := tuple.Uint(p.Key[len(prefix):])
		if err != nil {
			return nil, err
		}
		id, _, err := tuple.String(rest)
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, nil
}

// launched lists the provisioned products that an access level shows, the newest first.
func (s *Service) launched(ctx context.Context, a access) (list []*provisioned, err error) {
	account, region := home(ctx)
	err = s.view(ctx, func(tx kv.Reader) error {
		list, err = all[provisioned](ctx, tx, key(launchedKind, region, account))
		return err
	})
	list = slices.DeleteFunc(list, func(p *provisioned) bool { return !a.shows(p.Owner, p.Session) })
	slices.SortStableFunc(list, func(x, y *provisioned) int { return y.Created.Compare(x.Created) })
	return list, err
}

func (p *provisioned) id() string { return p.ID }

// ScanProvisionedProducts lists provisioned products.
func (s *Service) ScanProvisionedProducts(ctx context.Context, in *shapes.ScanProvisionedProductsInput) (*shapes.ScanProvisionedProductsOutput, error) {
	a, err := s.accessOf(ctx, "ScanProvisionedProducts", in.AccessLevelFilter)
	if err != nil {
		return nil, err
	}
	list, err := s.launched(ctx, a)
	if err != nil {
		return nil, err
	}
	some, next, err := paged(ctx, s, list, in.PageSize, in.PageToken, (*provisioned).id, a.level)
	out := &shapes.ScanProvisionedProductsOutput{ProvisionedProducts: []*shapes.ProvisionedProductDetail{}, NextPageToken: next}
	for _, p := range some {
		out.ProvisionedProducts = append(out.ProvisionedProducts, p.detail())
	}
	return out, err
}

// SearchProvisionedProducts lists provisioned products that a query matches: words, of which
// "field:text" asks for one field. Several queries match what any of them does.
func (s *Service) SearchProvisionedProducts(ctx context.Context, in *shapes.SearchProvisionedProductsInput) (*shapes.SearchProvisionedProductsOutput, error) {
	a, err := s.accessOf(ctx, "SearchProvisionedProducts", in.AccessLevelFilter)
	if err != nil {
		return nil, err
	}
	for k := range in.Filters {
		if k != "SearchQuery" {
			return nil, invalid("Invalid filter: %s", k)
		}
	}
	list, err := s.launched(ctx, a)
	if err != nil {
		return nil, err
	}
	var attributes []*shapes.ProvisionedProductAttribute
	err = s.view(ctx, func(tx kv.Reader) error {
		for _, p := range list {
			one, err := p.attribute(ctx, tx)
			if err != nil {
				return err
			}
			queries := in.Filters["SearchQuery"]
			if len(queries) == 0 || slices.ContainsFunc(queries, func(q string) bool { return answers(one, q) }) {
				attributes = append(attributes, one)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := ordered(attributes, text(in.SortBy), text(in.SortOrder)); err != nil {
		return nil, err
	}
	id := func(a *shapes.ProvisionedProductAttribute) string { return *a.Id }
	some, next, err := paged(ctx, s, attributes, in.PageSize, in.PageToken, id, a.level, string(encode(in.Filters)), text(in.SortBy), text(in.SortOrder))
	return &shapes.SearchProvisionedProductsOutput{
		ProvisionedProducts: append([]*shapes.ProvisionedProductAttribute{}, some...), TotalResultsCount: new(int64(len(attributes))), NextPageToken: next,
	}, err
}

func (p *provisioned) attribute(ctx context.Context, tx kv.Reader) (*shapes.ProvisionedProductAttribute, error) {
	one := &shapes.ProvisionedProductAttribute{
		Name: &p.Name, Arn: new(p.arn()), Type: new(typeOf(p.AdminRole != "")), Id: &p.ID, Status: &p.Status, StatusMessage: optional(p.Message), CreatedTime: &p.Created,
		IdempotencyToken: &p.Token, LastRecordId: &p.LastRecord, LastProvisioningRecordId: optional(p.LastProvisioning),
		LastSuccessfulProvisioningRecordId: optional(p.LastSuccessful), Tags: tagsOf(p.Tags), PhysicalId: optional(p.Stack), ProductId: &p.Product,
		ProvisioningArtifactId: &p.Artifact, UserArn: &p.Owner, UserArnSession: &p.Session,
	}
	x, err := get[product](ctx, tx, key(productKind, p.Region, p.Product))
	if err != nil || x == nil {
		return one, err
	}
	one.ProductName = &x.Name
	if a := x.artifact(p.Artifact); a != nil {
		one.ProvisioningArtifactName = &a.Name
	}
	return one, nil
}

// fields are what a provisioned product can be searched for, and sorted by.
func fields(a *shapes.ProvisionedProductAttribute) map[string]string {
	return map[string]string{
		"arn": text(a.Arn), "createdtime": a.CreatedTime.Format(time.RFC3339Nano), "id": text(a.Id), "lastrecordid": text(a.LastRecordId),
		"idempotencytoken": text(a.IdempotencyToken), "name": text(a.Name), "physicalid": text(a.PhysicalId), "productid": text(a.ProductId),
		"productname": text(a.ProductName), "provisioningartifactid": text(a.ProvisioningArtifactId), "provisioningartifactname": text(a.ProvisioningArtifactName),
		"type": text(a.Type), "status": text(a.Status), "statusmessage": text(a.StatusMessage), "userarn": text(a.UserArn), "userarnsession": text(a.UserArnSession),
		"lastprovisioningrecordid": text(a.LastProvisioningRecordId), "lastsuccessfulprovisioningrecordid": text(a.LastSuccessfulProvisioningRecordId),
	}
}

func answers(a *shapes.ProvisionedProductAttribute, query string) bool {
	all := fields(a)
	for word := range strings.FieldsSeq(query) {
		k, v, named := strings.Cut(word, ":")
		if want, known := all[strings.ToLower(k)]; named && known {
			if !matches(strings.ToLower(strings.Trim(v, `"`)), strings.ToLower(want)) {
				return false
			}
			continue
		}
		word = strings.ToLower(strings.Trim(word, `"*`))
		found := false
		for _, v := range all {
			found = found || strings.Contains(strings.ToLower(v), word)
		}
		if !found {
			return false
		}
	}
	return true
}

func ordered(list []*shapes.ProvisionedProductAttribute, by, order string) error {
	if by == "" {
		return nil
	}
	by = strings.ToLower(by)
	if !contains([]string{"arn", "id", "name", "lastrecordid", "createdtime", "status"}, by) {
		return invalid("Invalid sort field: %s", by)
	}
	slices.SortStableFunc(list, func(a, b *shapes.ProvisionedProductAttribute) int {
		n := strings.Compare(fields(a)[by], fields(b)[by])
		if order == "DESCENDING" {
			return -n
		}
		return n
	})
	return nil
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
