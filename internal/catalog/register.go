package catalog

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	ddb "github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/api/modelwharf"
	"github.com/modelwharf/modelwharf/internal/codeartifact"
	"github.com/modelwharf/modelwharf/internal/dynamodb/item"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// RegisterModelVersion writes a version, once, and holds what it is made of. Registered again
// with the same words, it is the one that there is.
func (s *Service) RegisterModelVersion(ctx context.Context, in *modelwharf.RegisterModelVersionInput) (*modelwharf.RegisterModelVersionOutput, error) {
	if err := s.authorize(ctx, *in.TableName, *in.ModelId); err != nil {
		return nil, err
	}
	t, err := s.findTable(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	v := versionID{t, *in.ModelId, *in.ModelVersion}
	r, a, err := s.compose(ctx, v, in)
	if err != nil {
		return nil, err
	}
	put := &ddb.Put{TableName: in.TableName, Item: a, ConditionExpression: new("attribute_not_exists(" + hashName + ")")}
	adopts := in.Adopt != nil && *in.Adopt
	if adopts {
		if err := s.adopt(ctx, *in.TableName, v, put); err != nil {
			return nil, err
		}
	}
	failed, err := s.write(ctx, func(tx kv.Txn) error {
		now, err := s.table(ctx, tx, *in.TableName)
		if err != nil {
			return err
		}
		v.table = now // of which the table may be a new one
		old, err := find(ctx, tx, v)
		if err != nil {
			return err
		}
		if old != nil {
			return conflict("The version %s of the model %s was registered and is %s: a version is written once. Take another name.", v.version, v.model, old.Status)
		}
		missing, err := s.hold(ctx, tx, v, r)
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return incomplete(v, "registered", missing)
		}
		r.put(tx, v)
		s.record(ctx, tx, v, r, map[string]any{"status": r.Status})
		return nil
	}, &ddb.TransactWriteItem{Put: put})
	if err != nil {
		return nil, err
	}
	if failed {
		return s.registeredBefore(ctx, *in.TableName, v, put.Item, adopts)
	}
	return &modelwharf.RegisterModelVersionOutput{ModelVersion: describe(v, put.Item, r)}, nil
}

// registeredBefore answers a registration of a version that there is: with that one, if it was
// asked for with the same words.
func (s *Service) registeredBefore(ctx context.Context, table string, v versionID, asked ddb.Attributes, adopts bool) (*modelwharf.RegisterModelVersionOutput, error) {
	a, r, err := s.read(ctx, table, v)
	switch {
	case err != nil:
		return nil, err
	case a == nil || r == nil && adopts:
		return nil, conflict("The version %s of the model %s has just been changed or deleted: try again.", v.version, v.model)
	case r == nil:
		return nil, notRegistered(v)
	}
	if r.Status == retired {
		return nil, conflict("The version %s of the model %s is %s already: a version is written once. Take another name.", v.version, v.model, r.Status)
	}
	other := differing(a, asked)
	if len(other) == 0 {
		return &modelwharf.RegisterModelVersionOutput{ModelVersion: describe(v, a, r)}, nil
	}
	return nil, conflict("The version %s of the model %s is %s already, with another %s: a version is written once. Take another name.", v.version, v.model, r.Status, strings.Join(other, ", "))
}

// compose makes the registration and the item of a version, of what is asked.
func (s *Service) compose(ctx context.Context, v versionID, in *modelwharf.RegisterModelVersionInput) (*registration, ddb.Attributes, error) {
	r := &registration{Status: registered}
	d := &modelwharf.ModelVersionDescription{
		ModelId: in.ModelId, ModelVersion: in.ModelVersion, ModelType: in.ModelType, ModelDescription: in.ModelDescription,
		CreationDate: new(s.instant().Format(timeForm)), RegisteredBy: new(api.RequestOf(ctx).Caller.ARN),
		ProductId: in.ProductId, ProvisioningArtifactId: in.ProvisioningArtifactId, EndpointName: in.EndpointName,
		Metrics: in.Metrics,
	}
	var err error
	if d.Files, err = files(in.Files); err != nil {
		return nil, nil, err
	}
	if in.ImageUri != nil {
		u, i, err := s.locate(ctx, *in.ImageUri)
		if err != nil {
			return nil, nil, err
		}
		r.Image = i
		d.ImageUri, d.ImageDigest, d.ImageRepository = new(u.base+"@"+string(i.Digest)), new(string(i.Digest)), new(u.repository.ARN())
	}
	if in.Dependencies != nil {
		if r.Packages, err = s.dependenciesOf(ctx, in.Dependencies, d); err != nil {
			return nil, nil, err
		}
	}
	var expires time.Time
	if in.ExpiresAt != nil {
		if expires, err = time.Parse(time.RFC3339, *in.ExpiresAt); err != nil || !expires.After(s.now()) {
			return nil, nil, invalid("ExpiresAt is a time in the future, such as 2030-01-31T12:00:00Z, and not '%s'.", *in.ExpiresAt)
		}
		r.Status = draft
	}
	d.Status = new(string(r.Status))
	a := itemOf(d)
	if r.Status == draft {
		a = a.Set("TimeToLive", numberValue(strconv.FormatInt(expires.Unix(), 10)))
	}
	return r, a, nil
}

// dependenciesOf reads what a version is built from, describes it in d, and asks policy
// whether the caller may have it held.
func (s *Service) dependenciesOf(ctx context.Context, in *modelwharf.Dependencies, d *modelwharf.ModelVersionDescription) (*dependencies, error) {
	q := api.RequestOf(ctx)
	n := codeartifact.RepositoryName{
		Domain: codeartifact.DomainName{Owner: q.Caller.Account, Region: q.Region, Name: *in.Domain}, Name: *in.Repository,
	}
	if in.DomainOwner != nil {
		n.Domain.Owner = *in.DomainOwner
	}
	p := &dependencies{Repository: n}
	d.DependencyRepository, d.Dependencies = new(n.ARN()), []string{}
	seen := map[string]bool{}
	for i, one := range append(slices.Clone(in.Packages), in.Lock) {
		if one == nil {
			continue
		}
		var files map[string]string
		for _, f := range one.Assets {
			if files == nil {
				files = map[string]string{}
			}
			files[*f.Name] = *f.SHA256
		}
		namespace := ""
		if one.Namespace != nil {
			namespace = *one.Namespace
		}
		h, err := s.packages.Holdable(*one.Format, namespace, *one.Name, *one.Version, files)
		if err != nil {
			return nil, err
		}
		if seen[h.String()] {
			return nil, invalid("The dependency %s is there twice.", h)
		}
		seen[h.String()] = true
		p.Versions = append(p.Versions, h)
		if i < len(in.Packages) {
			d.Dependencies = append(d.Dependencies, h.String())
		} else {
			d.DependencyLock = new(h.String())
		}
	}
	slices.Sort(d.Dependencies)
	err := s.packages.AuthorizeHold(ctx, n, p.Versions)
	if isCode(err, "ResourceNotFoundException") {
		return nil, notFound("There is no repository of packages %s.", n.ARN())
	}
	return p, err
}

// adopt lets a registration take the place of an item of the same key that was not registered,
// and keeps what that says. The error is ConflictException if the two do not agree.
func (s *Service) adopt(ctx context.Context, table string, v versionID, put *ddb.Put) error {
	old, err := s.item(ctx, table, v.model, v.version)
	if err != nil {
		return err
	}
	if old == nil {
		return versionNotFound(v)
	}
	r, err := s.registrationOf(ctx, v)
	if err != nil || r != nil {
		return err // then the condition fails
	}
	var condition []string
	names, values := map[string]string{}, ddb.Attributes{}
	for i, x := range old {
		names["#"+strconv.Itoa(i)], values = x.Name, values.Set(":"+strconv.Itoa(i), x.Value)
		condition = append(condition, fmt.Sprintf("#%d = :%d", i, i))
		is, ok := put.Item.Get(x.Name)
		switch {
		case !ok || x.Name == "CreationDate":
			put.Item = put.Item.Set(x.Name, x.Value)
		case x.Name != "Status" && x.Name != "RegisteredBy" && !item.Equal(is, x.Value):
			return conflict("The item of the version %s of the model %s has another %s than is to be registered.", v.version, v.model, x.Name)
		}
	}
	if ttl, ok := old.Get("TimeToLive"); ok && put.Item != nil {
		if is, _ := put.Item.Get("Status"); is.S == string(registered) {
			return conflict("The item of the version %s of the model %s expires (TimeToLive %s): remove that attribute first.", v.version, v.model, ttl.S)
		}
	}
	put.ConditionExpression, put.ExpressionAttributeNames, put.ExpressionAttributeValues = new(strings.Join(condition, " AND ")), names, values
	return nil
}
