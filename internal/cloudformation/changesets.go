package cloudformation

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudformation"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// changeSet is a state to which a stack can be brought later, with what that would change.
type changeSet struct {
	UUID        string
	Name        string
	Type        string // CREATE or UPDATE
	Status      string // CREATE_COMPLETE or FAILED
	Reason      string `json:",omitzero"`
	Description string `json:",omitzero"`
	Created     time.Time
	Target      side
	Role        string   `json:",omitzero"`
	OnFailure   string   `json:",omitzero"`
	Changes     []change `json:",omitempty"`
	Token       string   `json:",omitzero"`
	// From is how many templates the stack had when this was made: with another one it
	// is out of date.
	From int
}

func (c *changeSet) arn(st *stack) string {
	return "arn:aws:cloudformation:" + st.Region + ":" + st.Account + ":changeSet/" + c.Name + "/" + c.UUID
}

var changeSetName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]{0,127}$`)

func changeSetsOf(stack string) []byte         { return tuple.Of(room, "changeset", stack) }
func changeSetKey(stack, name string) []byte   { return tuple.Of(room, "changeset", stack, name) }
func changeSetIDKey(account, id string) []byte { return tuple.Of(room, "changesetid", account, id) }

// CreateChangeSet finds out what bringing a stack to a state would change, and keeps it. Of
// type CREATE it makes the stack, which is under review until the change set is executed.
func (s *Service) CreateChangeSet(ctx context.Context, in *cloudformation.CreateChangeSetInput) (*cloudformation.CreateChangeSetOutput, error) {
	name, stackText := text(in.ChangeSetName), text(in.StackName)
	if !changeSetName.MatchString(name) {
		return nil, invalid("1 validation error detected: Value '%s' at 'changeSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	kind := text(in.ChangeSetType)
	if kind == "" {
		kind = "UPDATE"
	}
	if kind == "IMPORT" || len(in.ResourcesToImport) > 0 || isTrue(in.ImportExistingResources) {
		return nil, invalid("Resources cannot be imported into stacks by this version of Modelwharf")
	}
	if err := unsupported(in.RollbackConfiguration, nil); err != nil {
		return nil, err
	}
	var st *stack
	err = s.store.View(ctx, func(tx kv.Reader) (err error) {
		st, err = s.find(ctx, tx, stackText)
		return err
	})
	if err != nil {
		return nil, err
	}
	conditions := conditionsOf(tags, in.RoleARN, in.TemplateURL)
	conditions["cloudformation:ChangeSetName"] = []string{name}
	if err := s.authorize(ctx, arnOf(ctx, stackText, st), st, conditions, "CreateChangeSet"); err != nil {
		return nil, err
	}
	switch {
	case kind == "UPDATE" && (st == nil || st.gone()):
		return nil, invalid("Stack [%s] does not exist", stackText)
	case kind == "UPDATE" && st.Status == "REVIEW_IN_PROGRESS":
		return nil, invalid("Stack:%s is in REVIEW_IN_PROGRESS state and can not be updated.", st.arn())
	case kind == "CREATE" && st != nil && st.Status != "REVIEW_IN_PROGRESS":
		return nil, invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.Name, name)
	case kind == "CREATE" && st == nil && !stackName.MatchString(stackText):
		return nil, invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", stackText)
	}
	if st == nil {
		st = newStack(ctx, stackText)
	}
	if kind == "UPDATE" && in.Tags == nil {
		tags = st.Current.Tags
	}
	p, err := s.propose(ctx, st.Name, st, wanted{
		Body: in.TemplateBody, URL: in.TemplateURL, UsePrevious: in.UsePreviousTemplate, Parameters: in.Parameters, Tags: tags,
		Capabilities: in.Capabilities, ResourceTypes: in.ResourceTypes, Notifications: in.NotificationARNs,
	})
	if err != nil {
		return nil, err
	}
	if _, err := s.actorFor(ctx, in.RoleARN, st.Role); err != nil {
		return nil, err
	}
	cs := &changeSet{
		UUID: uuid.NewString(), Name: name, Type: kind, Status: "CREATE_COMPLETE", Description: text(in.Description),
		Created: s.now().UTC(), Role: text(in.RoleARN), OnFailure: text(in.OnStackFailure), Token: text(in.ClientToken),
	}
	if cs.Changes, err = s.changes(ctx, st, p); err != nil {
		return nil, told(err)
	}
	if st.Current.Body > 0 {
		old, err := s.template(ctx, st.UUID, st.Current.Body)
		if err != nil {
			return nil, err
		}
		if p.same(old, st.Current) {
			cs.Status, cs.Reason = "FAILED", "The submitted information didn't contain changes. Submit different information to create a change set."
		}
	}
	return s.putChangeSet(ctx, st, cs, p)
}

// putChangeSet stores a change set, and its stack if that is new.
func (s *Service) putChangeSet(ctx context.Context, st *stack, cs *changeSet, p *proposal) (*cloudformation.CreateChangeSetOutput, error) {
	isNew := st.Created.IsZero()
	_, err := s.store.Update(ctx, func(tx kv.Txn) error {
		if isNew {
			taken, err := tx.Get(ctx, nameKey(st.Account, st.Region, st.Name))
			if err != nil {
				return err
			}
			if taken != nil {
				return cloudformation.AlreadyExistsException("Stack [%s] already exists", st.Name)
			}
			st.Created, st.Bodies = s.now().UTC(), 0
			tx.Put(nameKey(st.Account, st.Region, st.Name), []byte(st.UUID))
			tx.Put(listKey(st), []byte{})
		} else {
			now, err := readStack(ctx, tx, st.UUID)
			if err != nil {
				return err
			}
			if now == nil {
				return noStack(st.arn())
			}
			if now.gone() || now.inProgress() {
				return invalid("Stack:%s is in %s state and can not be updated.", st.arn(), now.Status)
			}
			st = now
		}
		old, err := tx.Get(ctx, changeSetKey(st.UUID, cs.Name))
		if err != nil {
			return err
		}
		if old != nil {
			return cloudformation.AlreadyExistsException("ChangeSet %s already exists", cs.Name)
		}
		st.Bodies++
		cs.Target = p.side
		cs.Target.Body, cs.From = st.Bodies, st.Current.Body
		tx.Put(bodyKey(st.UUID, st.Bodies), p.body)
		tx.Put(changeSetKey(st.UUID, cs.Name), encode(cs))
		tx.Put(changeSetIDKey(st.Account, cs.UUID), []byte(st.UUID+" "+cs.Name))
		if isNew {
			s.turn(tx, st, "REVIEW_IN_PROGRESS", "User Initiated")
		} else {
			tx.Put(stackKey(st.UUID), encode(st))
		}
		s.trail(ctx, tx, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.CreateChangeSetOutput{Id: new(cs.arn(st)), StackId: new(st.arn())}, nil
}

// findChangeSet returns the change set that an ARN means, or a name with a stack's.
func (s *Service) findChangeSet(ctx context.Context, tx kv.Reader, name, stackText string) (cs *changeSet, st *stack, err error) {
	absent := cloudformation.ChangeSetNotFoundException("ChangeSet [%s] does not exist", name)
	if id, ok := strings.CutPrefix(name, "arn:"); ok {
		id = id[strings.LastIndexByte(id, '/')+1:]
		b, err := tx.Get(ctx, changeSetIDKey(api.RequestOf(ctx).Caller.Account, id))
		if err != nil {
			return nil, nil, err
		}
		var stack string
		if stack, name, ok = strings.Cut(string(b), " "); !ok {
			return nil, nil, absent
		}
		st, err = readStack(ctx, tx, stack)
		if err != nil {
			return nil, nil, err
		}
	} else if stackText == "" {
		return nil, nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	} else if st, err = s.find(ctx, tx, stackText); err != nil {
		return nil, nil, err
	}
	if st == nil {
		return nil, nil, absent
	}
	b, err := tx.Get(ctx, changeSetKey(st.UUID, name))
	if err != nil {
		return nil, nil, err
	}
	if cs, err = decode[changeSet](b); err != nil {
		return nil, nil, err
	}
	if cs == nil {
		return nil, st, absent
	}
	return cs, st, nil
}

// openChangeSet returns a change set to which the caller may do an operation.
func (s *Service) openChangeSet(ctx context.Context, name, stackText, operation string) (cs *changeSet, st *stack, err error) {
	err = s.store.View(ctx, func(tx kv.Reader) error {
		cs, st, err = s.findChangeSet(ctx, tx, name, stackText)
		return err
	})
	conditions := map[string][]string{}
	if cs != nil {
		conditions["cloudformation:ChangeSetName"] = []string{cs.Name}
	}
	if aerr := s.authorize(ctx, arnOf(ctx, stackText, st), st, conditions, operation); aerr != nil {
		return nil, nil, aerr
	}
	return cs, st, err
}

// execution tells whether a change set can be executed.
func (cs *changeSet) execution(st *stack) string {
	switch {
	case cs.Status == "FAILED":
		return "UNAVAILABLE"
	case cs.From != st.Current.Body:
		return "OBSOLETE"
	}
	return "AVAILABLE"
}

// DescribeChangeSet tells what a change set would change.
func (s *Service) DescribeChangeSet(ctx context.Context, in *cloudformation.DescribeChangeSetInput) (*cloudformation.DescribeChangeSetOutput, error) {
	cs, st, err := s.openChangeSet(ctx, text(in.ChangeSetName), text(in.StackName), "DescribeChangeSet")
	if err != nil {
		return nil, err
	}
	t, err := s.template(ctx, st.UUID, cs.Target.Body)
	if err != nil {
		return nil, err
	}
	page := pagetoken.Listing{Account: st.Account, Region: st.Region, Operation: "cloudformation:DescribeChangeSet", Parameters: []byte(cs.UUID)}
	from, err := s.position(page, in.NextToken, nil)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.DescribeChangeSetOutput{
		ChangeSetName: &cs.Name, ChangeSetId: new(cs.arn(st)), StackId: new(st.arn()), StackName: &st.Name, Description: optional(cs.Description),
		Parameters: shownParameters(t, cs.Target.Parameters), CreationTime: &cs.Created, ExecutionStatus: new(cs.execution(st)), Status: &cs.Status,
		StatusReason: optional(cs.Reason), NotificationARNs: cs.Target.Notifications, Capabilities: cs.Target.Capabilities,
		RollbackConfiguration: &cloudformation.RollbackConfiguration{}, IncludeNestedStacks: new(false), OnStackFailure: optional(cs.OnFailure),
		Changes: []*cloudformation.Change{},
	}
	for k, v := range cs.Target.Tags {
		out.Tags = append(out.Tags, &cloudformation.Tag{Key: &k, Value: &v})
	}
	slices.SortFunc(out.Tags, func(a, b *cloudformation.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	for _, c := range cs.Changes {
		if c.ID < string(from) {
			continue
		}
		if len(out.Changes) == stackPage {
			out.NextToken = new(s.seal.Seal(page, []byte(c.ID)))
			break
		}
		out.Changes = append(out.Changes, c.describe())
	}
	return out, nil
}

// ListChangeSets lists the change sets of a stack.
func (s *Service) ListChangeSets(ctx context.Context, in *cloudformation.ListChangeSetsInput) (*cloudformation.ListChangeSetsOutput, error) {
	st, err := s.open(ctx, text(in.StackName), nil, "ListChangeSets")
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ListChangeSetsOutput{Summaries: []*cloudformation.ChangeSetSummary{}}
	out.NextToken, err = s.page(ctx, "ListChangeSets", []byte(st.UUID), changeSetsOf(st.UUID), in.NextToken, func(_ kv.Reader, _ string, val []byte) error {
		cs, err := decode[changeSet](val)
		if err != nil {
			return err
		}
		out.Summaries = append(out.Summaries, &cloudformation.ChangeSetSummary{
			StackId: new(st.arn()), StackName: &st.Name, ChangeSetId: new(cs.arn(st)), ChangeSetName: &cs.Name, ExecutionStatus: new(cs.execution(st)),
			Status: &cs.Status, StatusReason: optional(cs.Reason), CreationTime: &cs.Created, Description: optional(cs.Description), IncludeNestedStacks: new(false),
		})
		return nil
	})
	return out, err
}

// DeleteChangeSet deletes a change set. One that there is not is no error.
func (s *Service) DeleteChangeSet(ctx context.Context, in *cloudformation.DeleteChangeSetInput) (*cloudformation.DeleteChangeSetOutput, error) {
	cs, st, err := s.openChangeSet(ctx, text(in.ChangeSetName), text(in.StackName), "DeleteChangeSet")
	if err != nil {
		if e := api.AsError(err); e.Code == "ChangeSetNotFound" {
			return &cloudformation.DeleteChangeSetOutput{}, nil
		}
		return nil, err
	}
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		dropChangeSet(tx, st, cs)
		s.trail(ctx, tx, st)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &cloudformation.DeleteChangeSetOutput{}, nil
}

func dropChangeSet(tx kv.Txn, st *stack, cs *changeSet) {
	tx.Delete(changeSetKey(st.UUID, cs.Name))
	tx.Delete(changeSetIDKey(st.Account, cs.UUID))
	tx.Delete(bodyKey(st.UUID, cs.Target.Body))
}

// ExecuteChangeSet begins what a change set is for. The others of the stack are deleted, for
// the stack is no longer what they were made for.
func (s *Service) ExecuteChangeSet(ctx context.Context, in *cloudformation.ExecuteChangeSetInput) (*cloudformation.ExecuteChangeSetOutput, error) {
	_, st, err := s.openChangeSet(ctx, text(in.ChangeSetName), text(in.StackName), "ExecuteChangeSet")
	if err != nil {
		return nil, err
	}
	actor, err := s.identity.Entrust(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.store.Update(ctx, func(tx kv.Txn) error {
		cs, st, err := s.findChangeSet(ctx, tx, text(in.ChangeSetName), st.arn())
		if err != nil {
			return err
		}
		if e := cs.execution(st); e != "AVAILABLE" {
			return cloudformation.InvalidChangeSetStatusException("ChangeSet [%s] cannot be executed in its current execution status of [%s]", cs.arn(st), e)
		}
		if cs.Type == "UPDATE" && !st.is(updatable...) || cs.Type == "CREATE" && st.Status != "REVIEW_IN_PROGRESS" {
			return invalid("Stack:%s is in %s state and can not be updated.", st.arn(), st.Status)
		}
		for p, err := range tx.Scan(ctx, kv.Range{From: changeSetsOf(st.UUID), To: tuple.Below(changeSetsOf(st.UUID))}) {
			if err != nil {
				return err
			}
			other, err := decode[changeSet](p.Val)
			if err != nil {
				return err
			}
			tx.Delete(changeSetKey(st.UUID, other.Name))
			tx.Delete(changeSetIDKey(st.Account, other.UUID))
			if other.UUID != cs.UUID {
				tx.Delete(bodyKey(st.UUID, other.Target.Body))
			}
		}
		op := &operation{Kind: updating, Phase: applying, Target: cs.Target, OnceKept: isTrue(in.RetainExceptOnCreate)}
		status := "UPDATE_IN_PROGRESS"
		if cs.Type == "CREATE" {
			op.Kind, status = creating, "CREATE_IN_PROGRESS"
		} else {
			st.Updated = s.now().UTC()
			if err := st.follows(ctx, tx, op); err != nil {
				return err
			}
		}
		st.Actor, st.Token, st.ChangeSet = actor, text(in.ClientRequestToken), cs.arn(st)
		if cs.Role != "" {
			st.Role = cs.Role
		}
		st.KeepOnFailure, st.OnFailure = isTrue(in.DisableRollback) || cs.OnFailure == "DO_NOTHING", cs.OnFailure
		s.begin(ctx, tx, st, nil, op, status)
		return enqueue(ctx, tx, st)
	})
	if err != nil {
		return nil, err
	}
	s.wake()
	return &cloudformation.ExecuteChangeSetOutput{}, nil
}
