// Package control is how the program's own commands reach a running server: HTTP
// over a Unix socket in the data folder.
//
// Making accounts, reading everybody's audit trail and copying the whole store are
// above any account, so no policy of one could grant them. Who may do them is who
// may enter the data folder (mode 0700): they could read the administrator's keys
// and the store itself there. So nothing has to be signed, no certificate to be
// trusted, and no address to be known.
package control

import "time"

// Account is an account as the commands see it.
type Account struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitzero"`
	Email   string    `json:"email,omitzero"`
	Created time.Time `json:"created"`
	// AccessKeyID and SecretAccessKey are those of the root of an account that
	// was just made; the secret is not shown again.
	AccessKeyID     string `json:"accessKeyId,omitzero"`
	SecretAccessKey string `json:"secretAccessKey,omitzero"`
}

// NewAccount asks for an account. Without an ID it gets a random one.
type NewAccount struct {
	ID    string `json:"id,omitzero"`
	Name  string `json:"name,omitzero"`
	Email string `json:"email,omitzero"`
}

// AuditQuery asks for events; see audit.Query.
type AuditQuery struct {
	From     time.Time `json:"from,omitzero"`
	To       time.Time `json:"to,omitzero"`
	Account  string    `json:"account,omitzero"`
	Region   string    `json:"region,omitzero"`
	Caller   string    `json:"caller,omitzero"`
	Action   string    `json:"action,omitzero"`
	Resource string    `json:"resource,omitzero"`
	Data     bool      `json:"data,omitzero"`
	Limit    int       `json:"limit,omitzero"`
	Page     string    `json:"page,omitzero"`
}

// AuditPage is a page of events, newest first.
type AuditPage struct {
	Events []Event `json:"events"`
	Next   string  `json:"next,omitzero"` // AuditQuery.Page of the next page
}

// Backup says what a backup that was taken holds.
type Backup struct {
	Commit uint64    `json:"commit"` // the last one in it
	Time   time.Time `json:"time"`   // of that commit
	Pairs  int64     `json:"pairs"`
	Blobs  int       `json:"blobs"`
	Bytes  int64     `json:"bytes"` // of the blobs
}

// failure is an answer that is not a success.
type failure struct {
	Message string `json:"message"`
}

const (
	accountsPath = "/accounts"
	auditPath    = "/audit"
	backupPath   = "/backup"
	readyPath    = "/readyz"
)
