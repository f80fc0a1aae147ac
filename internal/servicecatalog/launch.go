package servicecatalog

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	shapes "github.com/modelwharf/modelwharf/internal/api/servicecatalog"
	"github.com/modelwharf/modelwharf/internal/cloudformation/template"
	"github.com/modelwharf/modelwharf/internal/jobs"
	"github.com/modelwharf/modelwharf/internal/kv"
)

func keysOf[V any](m map[string]V) iter.Seq[string] { return maps.Keys(m) }

// nameOfARN is the name in a provisioned product's ARN.
func nameOfARN(arn string) (string, bool) {
	parts := strings.Split(arn, "/")
	if !strings.HasPrefix(arn, "arn:aws:servicecatalog:") || len(parts) != 3 {
		return "", false
	}
	return parts[1], true
}

// offered are the values that the tag options of a path give each tag.
func offered(ctx context.Context, tx kv.Reader, path *launchPath) (map[string][]string, error) {
	account, _ := home(ctx)
	options := map[string][]string{}
	add := func(owner, region string, some []string) error {
		for _, id := range some {
			o, err := get[tagOption](ctx, tx, key(tagOptionKind, region, owner, id))
			if err != nil {
				return err
			}
			if o != nil && o.Active {
				options[o.Key] = with(options[o.Key], o.Value)
			}
		}
		return nil
	}
	shared := func(p *portfolio) bool {
		sh := p.share(account)
		return p.Account == account || sh != nil && sh.TagOptions
	}
	if shared(path.portfolio) {
		if err := add(path.portfolio.Account, path.portfolio.Region, path.portfolio.TagOptions); err != nil {
			return nil, err
		}
	}
	if path.product.Account == account || shared(path.portfolio) {
		if err := add(path.product.Account, path.product.Region, path.product.TagOptions); err != nil {
			return nil, err
		}
	}
	return options, nil
}

// tagsFor are the tags of a launch: those that were asked for, those of the portfolio and the
// product, and those of tag options that leave no choice. Where they leave one, the request
// must have made it.
func tagsFor(path *launchPath, options map[string][]string, asked map[string]string) (map[string]string, error) {
	tags := map[string]string{}
	maps.Copy(tags, own(path.portfolio.Tags))
	maps.Copy(tags, own(path.product.Tags))
	for _, k := range slices.Sorted(maps.Keys(options)) {
		v, given := asked[k]
		switch values := options[k]; {
		case given && !slices.Contains(values, v):
			return nil, invalid("The tag %s=%s is none of the TagOptions of the product: %s", k, v, strings.Join(values, ", "))
		case given:
		case len(values) == 1:
			tags[k] = values[0]
		default:
			return nil, invalid("A value of the tag %s must be chosen from the TagOptions of the product: %s", k, strings.Join(values, ", "))
		}
	}
	maps.Copy(tags, asked)
	return tags, enough(tags)
}

// launch is what is asked to be launched, or to become of what was.
type launch struct {
	path     *launchPath
	artifact *artifact
	tags     map[string]string
	values   map[string]string // of the parameters that were given
	actor    actor
	topics   []string
}

// prepare finds out what a request wants launched, and checks all that can be known before:
// parameters, the rules of TEMPLATE constraints, tags.
func (s *Service) prepare(ctx context.Context, path *launchPath, a *artifact, options map[string][]string, tags, values map[string]string) (*launch, error) {
	l := &launch{path: path, artifact: a, values: values}
	var err error
	if l.tags, err = tagsFor(path, options, tags); err != nil {
		return nil, err
	}
	if err := s.checkParameters(ctx, path, a, values); err != nil {
		return nil, err
	}
	for _, c := range path.constraints {
		if c.Type == notificationConstraint {
			p, err := parameters[notificationParameters](c.Parameters)
			if err != nil {
				return nil, err
			}
			l.topics = append(l.topics, p.NotificationArns...)
		}
	}
	l.actor, err = s.actorFor(ctx, path)
	return l, err
}

func (s *Service) checkParameters(ctx context.Context, path *launchPath, a *artifact, values map[string]string) error {
	t, err := s.templateOf(ctx, path.product.Region, a.ID)
	if err != nil {
		return err
	}
	rules, err := path.rules()
	if err != nil {
		return err
	}
	err = func() error {
		all, err := t.Values(values)
		if err != nil {
			return err
		}
		account, region := home(ctx)
		e, err := t.Evaluate(template.Scope{Account: account, Region: region, StackName: "SC-" + account, StackID: "arn:aws:cloudformation", Parameters: all})
		if err != nil {
			return err
		}
		return e.CheckRules(rules)
	}()
	if wrong, ok := errors.AsType[*template.Error](err); ok {
		return invalid("%s", wrong.Message)
	}
	return err
}

// actorFor tells who acts in a launch by a path: the role of its LAUNCH or STACKSET
// constraint, or else the caller.
func (s *Service) actorFor(ctx context.Context, path *launchPath) (a actor, err error) {
	account, _ := home(ctx)
	if c := path.of(launchConstraint); c != nil {
		p, err := parameters[launchParameters](c.Parameters)
		if err != nil {
			return a, err
		}
		a.Role = p.RoleArn
		if p.LocalRoleName != "" {
			a.Role = "arn:aws:iam::" + account + ":role/" + p.LocalRoleName
		}
		return a, nil
	}
	if c := path.of(stackSetConstraint); c != nil {
		p, err := parameters[stackSetParameters](c.Parameters)
		if err != nil {
			return a, err
		}
		a.Admin, a.Role = p.Properties.AdminRole, "arn:aws:iam::"+p.Properties.AccountList[0]+":role/"+p.Properties.ExecutionRole
		return a, nil
	}
	a.By, err = s.identity.Entrust(ctx)
	return a, err
}

// ProvisionProduct begins to launch a product, and answers before it is launched.
func (s *Service) ProvisionProduct(ctx context.Context, in *shapes.ProvisionProductInput) (out *shapes.ProvisionProductOutput, err error) {
	asked, err := newTags(ctx, in.Tags)
	if err != nil {
		return nil, err
	}
	q := sought{in.ProductId, in.ProductName, in.ProvisioningArtifactId, in.ProvisioningArtifactName, in.PathId, in.PathName}
	path, a, options, err := s.chosen(ctx, "ProvisionProduct", &q)
	if err != nil {
		return nil, err
	}
	if a.Guidance == deprecated {
		return nil, invalid("Provisioning artifact %s is deprecated: it cannot be launched any more.", a.ID)
	}
	if err := checkTopics(in.NotificationArns); err != nil {
		return nil, err
	}
	if err := onlyHere(ctx, in.ProvisioningPreferences); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, p := range in.ProvisioningParameters {
		if _, twice := values[text(p.Key)]; twice {
			return nil, invalid("Duplicate parameter keys are not allowed: %s", text(p.Key))
		}
		values[text(p.Key)] = text(p.Value)
	}
	l, err := s.prepare(ctx, path, a, options, asked, values)
	if err != nil {
		return nil, err
	}
	l.topics = append(l.topics, in.NotificationArns...)
	err = s.update(ctx, func(tx kv.Txn) error {
		out, err = once(ctx, s, tx, "ProvisionProduct", in.ProvisionToken, in, func() (*shapes.ProvisionProductOutput, error) {
			p, err := s.newProvisioned(ctx, tx, *in.ProvisionedProductName, *in.ProvisionToken)
			if err != nil {
				return nil, err
			}
			p.Notifications = in.NotificationArns
			r, err := s.begin(ctx, tx, p, provisionRecord, l, &work{Do: doCreate, Asked: asked})
			if err != nil {
				return nil, err
			}
			return &shapes.ProvisionProductOutput{RecordDetail: r.detail()}, nil
		})
		return err
	})
	if err == nil {
		s.wake()
	}
	return out, err
}

// onlyHere refuses preferences that name other accounts or regions than the request's own.
func onlyHere(ctx context.Context, p *shapes.ProvisioningPreferences) error {
	if p == nil {
		return nil
	}
	account, region := home(ctx)
	for _, a := range p.StackSetAccounts {
		if a != account {
			return invalid("A product can be launched only in account %s here.", account)
		}
	}
	for _, r := range p.StackSetRegions {
		if r != region {
			return invalid("A product can be launched only in region %s here.", region)
		}
	}
	return nil
}

// newProvisioned makes a provisioned product of a name that is not taken.
func (s *Service) newProvisioned(ctx context.Context, tx kv.Txn, name, token string) (*provisioned, error) {
	r := api.RequestOf(ctx)
	p := &provisioned{
		ID: newID("pp"), Account: r.Caller.Account, Region: r.Region, Name: name, Created: s.instant(), Token: token,
		Owner: r.Caller.Principal, Session: r.Caller.ARN,
	}
	taken, err := tx.Get(ctx, p.nameKey())
	if err != nil {
		return nil, err
	}
	if taken != nil {
		return nil, invalid("A stack named %s already exists.", name)
	}
	tx.Put(p.nameKey(), []byte(p.ID))
	return p, nil
}

// begin begins something with a provisioned product: a record, and the job that does it.
// The product is under change from now on.
func (s *Service) begin(ctx context.Context, tx kv.Txn, p *provisioned, kind string, l *launch, w *work) (*record, error) {
	r := s.newRecord(ctx, p, kind)
	if l != nil {
		r.Product, r.Artifact, r.Path, r.Tags, r.LaunchRole = l.path.product.ID, l.artifact.ID, l.path.id(), w.Asked, l.actor.Role
		w.launches(l, p, r.Session)
		if p.Product == "" {
			p.Product, p.Artifact, p.AdminRole = r.Product, r.Artifact, l.actor.Admin
		}
		r.StackSet = p.AdminRole != ""
		p.Path, p.LastProvisioning = r.Path, r.ID
		if err := copyTemplate(ctx, tx, l, r.Region, r.ID); err != nil {
			return nil, err
		}
	}
	w.Origin = api.RequestOf(ctx).Origin()
	if r.Work = w; w.Stack != "" {
		p.Stack = w.Stack
	}
	p.Status, p.Message, p.LastRecord = underChange, "", r.ID
	s.put(ctx, tx, p, r)
	return r, jobs.Enqueue(ctx, tx, operationKind, strings.Join([]string{r.Region, r.Account, r.ID}, " "), nil)
}

// launches says what is launched, by whose session, for a provisioned product.
func (w *work) launches(l *launch, p *provisioned, session string) {
	w.Actor, w.Values, w.Topics, w.Tags = l.actor, l.values, l.topics, l.tags
	w.Auto = map[string]string{
		"aws:servicecatalog:portfolioArn": l.path.portfolio.arn(), "aws:servicecatalog:productArn": l.path.product.arn(),
		"aws:servicecatalog:provisioningPrincipalArn": session, "aws:servicecatalog:provisionedProductArn": p.arn(),
		"aws:servicecatalog:provisioningArtifactIdentifier": l.artifact.ID,
	}
}

// copyTemplate keeps the template of a launch under an ID of its own, whatever becomes of the
// artifact meanwhile.
func copyTemplate(ctx context.Context, tx kv.Txn, l *launch, region, id string) error {
	b, err := tx.Get(ctx, key(templateKind, l.path.product.Region, l.artifact.ID))
	if err != nil {
		return err
	}
	if b == nil {
		return missing("Provisioning artifact %s not found.", l.artifact.ID)
	}
	tx.Put(key(templateKind, region, id), b)
	return nil
}

func (s *Service) newRecord(ctx context.Context, p *provisioned, kind string) *record {
	c := &api.RequestOf(ctx).Caller
	now := s.instant()
	return &record{
		ID: newID("rec"), Account: p.Account, Region: p.Region, Type: kind, Status: recordCreated, Created: now, Updated: now,
		Provisioned: p.ID, Name: p.Name, Product: p.Product, Artifact: p.Artifact, Path: p.Path, Tags: p.Asked, LaunchRole: p.LaunchRole, StackSet: p.AdminRole != "",
		Owner: c.Principal, Session: c.ARN,
	}
}

// put stores a provisioned product with a new record of it.
func (s *Service) put(ctx context.Context, tx kv.Txn, p *provisioned, r *record) {
	tx.Put(p.key(), encode(p))
	tx.Put(r.key(), encode(r))
	tx.Put(r.historyKey(), []byte{})
	trail(ctx, tx, "CloudFormationProvisionedProduct", p.arn(), map[string]any{
		"provisionedProductName": p.Name, "recordId": r.ID, "productId": r.Product, "provisioningArtifactId": r.Artifact,
	})
}
