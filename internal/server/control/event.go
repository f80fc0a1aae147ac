package control

import (
	"encoding/json"
	"time"

	"github.com/modelwharf/modelwharf/internal/audit"
)

// Event is an audit record as the commands see it.
type Event struct {
	ID          string          `json:"id"`
	Time        time.Time       `json:"time"`
	Account     string          `json:"account"`
	Region      string          `json:"region"`
	Action      string          `json:"action"` // "dynamodb:CreateTable"
	Caller      string          `json:"caller"` // ARN
	AccessKeyID string          `json:"accessKeyId,omitzero"`
	SourceIP    string          `json:"sourceIp,omitzero"`
	UserAgent   string          `json:"userAgent,omitzero"`
	RequestID   string          `json:"requestId"`
	Resources   []Resource      `json:"resources,omitzero"`
	Parameters  json.RawMessage `json:"parameters,omitzero"`
	Response    json.RawMessage `json:"response,omitzero"`
	// Why it was not done; empty if it was.
	ErrorCode    string `json:"errorCode,omitzero"`
	ErrorMessage string `json:"errorMessage,omitzero"`
}

// Resource is something that an act touched.
type Resource struct {
	Type string `json:"type"`
	ARN  string `json:"arn"`
}

func eventOf(e *audit.Entry) Event {
	out := Event{
		ID: e.ID, Time: e.Time, Account: e.Account, Region: e.Region, Action: e.Service + ":" + e.Operation,
		Caller: e.Caller.ARN, AccessKeyID: e.Caller.AccessKeyID, UserAgent: e.UserAgent, RequestID: e.RequestID,
		ErrorCode: e.ErrorCode, ErrorMessage: e.ErrorMessage,
	}
	if e.SourceIP.IsValid() {
		out.SourceIP = e.SourceIP.String()
	}
	for _, r := range e.Resources {
		out.Resources = append(out.Resources, Resource(r))
	}
	if json.Valid(e.Parameters) {
		out.Parameters = e.Parameters
	}
	if json.Valid(e.Response) {
		out.Response = e.Response
	}
	return out
}
