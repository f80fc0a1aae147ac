package audit

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/cloudtrail"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// CloudTrail answers the operations of the CloudTrail API on the caller's own
// account and the request's region.
type CloudTrail struct {
	Store kv.Store
	// Authorize asks policy whether the caller may do an action to a resource.
	Authorize func(ctx context.Context, action, resource string) error
	// Pages makes the page tokens.
	Pages *pagetoken.Sealer
}

var _ cloudtrail.Backend = (*CloudTrail)(nil)

// maxResults is the most events of one LookupEvents, and how many without a word.
const maxResults = 50

// globalRegion is where CloudTrail shows the events of services without a region.
const globalRegion = "us-east-1"

// LookupEvents lists management events, newest first. The events of IAM and STS
// are found in every region.
func (c *CloudTrail) LookupEvents(ctx context.Context, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	if err := c.Authorize(ctx, "cloudtrail:LookupEvents", "*"); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	q := Query{Account: r.Caller.Account, Limit: maxResults}
	switch {
	case in.EventCategory != nil:
		return nil, cloudtrail.InvalidEventCategoryException("The event category %s is not valid: there are no insight events here.", *in.EventCategory)
	case in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime):
		return nil, cloudtrail.InvalidTimeRangeException("The start time must be before the end time.")
	case len(in.LookupAttributes) > 1:
		return nil, cloudtrail.InvalidLookupAttributesException("Only one lookup attribute can be specified.")
	}
	if in.StartTime != nil {
		q.From = *in.StartTime
	}
	if in.EndTime != nil {
		q.To = in.EndTime.Add(time.Second) // the second of the end is included
	}
	if in.MaxResults != nil {
		if *in.MaxResults < 1 || *in.MaxResults > maxResults {
			return nil, cloudtrail.InvalidMaxResultsException("MaxResults must be from 1 to %d.", maxResults)
		}
		q.Limit = int(*in.MaxResults)
	}
	listing := pagetoken.Listing{Account: q.Account, Region: r.Region, Operation: "cloudtrail:LookupEvents", Parameters: asked(in)}
	if in.NextToken != nil {
		page, err := c.Pages.Open(listing, *in.NextToken)
		if err != nil {
			return nil, invalidToken()
		}
		q.Page = string(page)
	}
	attribute, id, err := attributeOf(in.LookupAttributes)
	if err != nil {
		return nil, err
	}
	q.match = func(e *Entry) bool {
		return (e.Region == r.Region || e.global()) && (attribute == nil || attribute(e))
	}
	if id != "" {
		return c.lookup(ctx, &q, id)
	}
	res, err := Search(ctx, c.Store, q)
	if errors.Is(err, ErrPage) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.LookupEventsOutput{Events: make([]*cloudtrail.Event, 0, len(res.Events))}
	for i := range res.Events {
		out.Events = append(out.Events, res.Events[i].cloudTrail())
	}
	if res.Next != "" {
		out.NextToken = new(c.Pages.Seal(listing, []byte(res.Next)))
	}
	return out, nil
}

func invalidToken() error {
	return cloudtrail.InvalidNextTokenException("The token is not valid, or the request is not the one that it was made for.")
}

// asked is what chooses the events; a token asks for more of the same.
func asked(in *cloudtrail.LookupEventsInput) []byte {
	b, err := json.Marshal(cloudtrail.LookupEventsInput{StartTime: in.StartTime, EndTime: in.EndTime, LookupAttributes: in.LookupAttributes})
	if err != nil {
		return nil // times beyond the year 9999
	}
	return b
}

// lookup answers with the event of an id, if q would find it.
func (c *CloudTrail) lookup(ctx context.Context, q *Query, id string) (*cloudtrail.LookupEventsOutput, error) {
	out := &cloudtrail.LookupEventsOutput{Events: []*cloudtrail.Event{}}
	e, ok, err := Lookup(ctx, c.Store, q.Account, id)
	if err != nil {
		return nil, err
	}
	if ok && !e.Data && q.matches(&e) && (q.From.IsZero() || !e.Time.Before(q.From)) && (q.To.IsZero() || e.Time.Before(q.To)) {
		out.Events = append(out.Events, e.cloudTrail())
	}
	return out, nil
}

// attributeOf returns what an event must be to have the attribute that is looked
// for, or the id of the only one that has it.
func attributeOf(list []*cloudtrail.LookupAttribute) (match func(*Entry) bool, id string, err error) {
	if len(list) == 0 {
		return nil, "", nil
	}
	a := list[0]
	if a == nil || a.AttributeKey == nil || a.AttributeValue == nil || *a.AttributeValue == "" {
		return nil, "", cloudtrail.InvalidLookupAttributesException("A lookup attribute needs a key and a value.")
	}
	value := *a.AttributeValue
	switch *a.AttributeKey {
	case "EventId":
		return nil, value, nil
	case "EventName":
		return func(e *Entry) bool { return e.Operation == value }, "", nil
	case "ReadOnly":
		return func(e *Entry) bool { return strconv.FormatBool(readOnly(e.Operation)) == value }, "", nil
	case "Username":
		return func(e *Entry) bool { return e.userName() == value }, "", nil
	case "ResourceType":
		return func(e *Entry) bool { return e.hasResource(func(r Resource) bool { return r.Type == value }) }, "", nil
	case "ResourceName":
		return func(e *Entry) bool {
			return e.hasResource(func(r Resource) bool { return r.ARN == value || lastPart(r.ARN) == value })
		}, "", nil
	case "EventSource":
		return func(e *Entry) bool { return e.source() == value }, "", nil
	case "AccessKeyId":
		return func(e *Entry) bool { return e.Caller.AccessKeyID == value }, "", nil
	}
	return nil, "", cloudtrail.InvalidLookupAttributesException("The lookup attribute %s is not valid.", *a.AttributeKey)
}

func (e *Entry) hasResource(is func(Resource) bool) bool {
	for _, r := range e.Resources {
		if is(r) {
			return true
		}
	}
	return false
}

// global tells whether an event is of a service without a region.
func (e *Entry) global() bool { return e.Service == "iam" || e.Service == "sts" }

// source is CloudTrail's name of the service.
func (e *Entry) source() string {
	if e.Service == "" {
		return "modelwharf.internal" // an act of the administrator's, outside of any request
	}
	return e.Service + ".amazonaws.com"
}

// userName is CloudTrail's Username: of a user the name, of a role's session that
// of the session.
func (e *Entry) userName() string {
	if e.Caller.Type == api.RootCaller {
		return "root"
	}
	return lastPart(e.Caller.ARN)
}

// cloudTrail is the event as LookupEvents shows it.
func (e *Entry) cloudTrail() *cloudtrail.Event {
	full := string(e.JSON())
	d := &cloudtrail.Event{
		EventId: new(e.ID), EventName: new(e.Operation), ReadOnly: new(strconv.FormatBool(readOnly(e.Operation))),
		EventTime: new(e.Time.Truncate(time.Second)), EventSource: new(e.source()), Username: new(e.userName()),
		Resources: []*cloudtrail.Resource{}, CloudTrailEvent: &full,
	}
	if e.Caller.AccessKeyID != "" {
		d.AccessKeyId = new(e.Caller.AccessKeyID)
	}
	for _, r := range e.Resources {
		d.Resources = append(d.Resources, &cloudtrail.Resource{ResourceType: new(r.Type), ResourceName: new(lastPart(r.ARN))})
	}
	return d
}

// userIdentity, resource and record are the event format that CloudTrail
// documents, https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html.
type userIdentity struct {
	Type           string          `json:"type"`
	PrincipalID    string          `json:"principalId,omitzero"`
	ARN            string          `json:"arn,omitzero"`
	AccountID      string          `json:"accountId,omitzero"`
	AccessKeyID    string          `json:"accessKeyId,omitzero"`
	UserName       string          `json:"userName,omitzero"`
	SessionContext *sessionContext `json:"sessionContext,omitzero"`
}

type sessionContext struct {
	SessionIssuer sessionIssuer `json:"sessionIssuer"`
}

type sessionIssuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

type recordResource struct {
	AccountID string `json:"accountId,omitzero"`
	Type      string `json:"type,omitzero"`
	ARN       string `json:"ARN"`
}

type record struct {
	EventVersion       string           `json:"eventVersion"`
	UserIdentity       userIdentity     `json:"userIdentity"`
	EventTime          string           `json:"eventTime"`
	EventSource        string           `json:"eventSource"`
	EventName          string           `json:"eventName"`
	AWSRegion          string           `json:"awsRegion"`
	SourceIPAddress    string           `json:"sourceIPAddress"`
	UserAgent          string           `json:"userAgent"`
	RequestParameters  json.RawMessage  `json:"requestParameters"`
	ResponseElements   json.RawMessage  `json:"responseElements"`
	ErrorCode          string           `json:"errorCode,omitzero"`
	ErrorMessage       string           `json:"errorMessage,omitzero"`
	RequestID          string           `json:"requestID"`
	EventID            string           `json:"eventID"`
	ReadOnly           bool             `json:"readOnly"`
	Resources          []recordResource `json:"resources,omitzero"`
	EventType          string           `json:"eventType"`
	ManagementEvent    bool             `json:"managementEvent"`
	RecipientAccountID string           `json:"recipientAccountId"`
	EventCategory      string           `json:"eventCategory"`
}

// JSON is the event in CloudTrail's format.
func (e *Entry) JSON() []byte {
	r := record{
		EventVersion: "1.11",
		UserIdentity: userIdentity{
			Type: string(e.Caller.Type), PrincipalID: e.Caller.UserID, ARN: e.Caller.ARN, AccountID: e.Caller.Account, AccessKeyID: e.Caller.AccessKeyID,
		},
		EventTime: e.Time.UTC().Format(time.RFC3339), EventSource: e.source(), EventName: e.Operation, AWSRegion: e.Region,
		UserAgent: e.UserAgent, RequestParameters: jsonOrNull(e.Parameters), ResponseElements: jsonOrNull(e.Response),
		ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
		RequestID: e.RequestID, EventID: e.ID, ReadOnly: readOnly(e.Operation),
		EventType: "AwsApiCall", ManagementEvent: !e.Data, RecipientAccountID: e.Account, EventCategory: "Management",
	}
	if e.Data {
		r.EventCategory = "Data"
	}
	if e.SourceIP.IsValid() {
		r.SourceIPAddress = e.SourceIP.String()
	}
	if e.global() {
		r.AWSRegion = globalRegion
	}
	switch e.Caller.Type {
	case api.UserCaller:
		r.UserIdentity.UserName = lastPart(e.Caller.ARN)
	case api.RoleCaller:
		id, _, _ := strings.Cut(e.Caller.UserID, ":")
		r.UserIdentity.SessionContext = &sessionContext{sessionIssuer{
			Type: "Role", PrincipalID: id, ARN: e.Caller.Principal, AccountID: e.Caller.Account, UserName: lastPart(e.Caller.Principal),
		}}
	}
	for _, resource := range e.Resources {
		account := ""
		if parts := strings.SplitN(resource.ARN, ":", 6); len(parts) == 6 {
			account = parts[4]
		}
		r.Resources = append(r.Resources, recordResource{AccountID: account, Type: resource.Type, ARN: resource.ARN})
	}
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // jsonOrNull lets nothing else through
	}
	return b
}

func jsonOrNull(b []byte) json.RawMessage {
	if !json.Valid(b) {
		return json.RawMessage("null")
	}
	return b
}
