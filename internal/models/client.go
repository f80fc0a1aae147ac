// Package models is a client of a server's catalog of models, for commands: it signs its
// requests as AWS's tools do, with the rights of whoever calls.
package models

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/go-faster/jx"

	"github.com/modelwharf/modelwharf/internal/api/codec"
)

// Client asks a server.
type Client struct {
	Endpoint    string // the server's URL
	Region      string
	Credentials aws.CredentialsProvider
	HTTP        *http.Client     // http.DefaultClient if nil
	Now         func() time.Time // time.Now if nil
}

// Error is an answer that says why something was not done.
type Error struct {
	Code    string // "ConflictException"
	Message string
	Missing []string // of a ModelVersionIncompleteException
}

func (e *Error) Error() string { return e.Message }

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 64 << 20

// Call asks for an operation of the catalog's API: In and Out are its generated shapes. The
// error is an *Error if the server refuses.
func Call[Out any, PO interface {
	*Out
	codec.Shape
}](ctx context.Context, c *Client, operation string, in codec.Shape) (*Out, error) {
	var e jx.Encoder
	in.EncodeJSON(&e)
	body, err := c.ask(ctx, operation, e.Bytes())
	if err != nil {
		return nil, err
	}
	out := new(Out)
	if err := PO(out).DecodeJSON(jx.DecodeBytes(body)); err != nil {
		return nil, fmt.Errorf("the server's answer to %s cannot be read: %w", operation, err)
	}
	return out, nil
}

func (c *Client) ask(ctx context.Context, operation string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.Endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "Modelwharf."+operation)
	credentials, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(sum[:]), "modelwharf", c.Region, now()); err != nil {
		return nil, err
	}
	answer, err := cmp.Or(c.HTTP, http.DefaultClient).Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, refused(answer.Status, text)
	}
	return text, nil
}

// refused reads why a request was refused.
func refused(status string, text []byte) error {
	var said struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // also "Message": names are read in any case
		Missing []string
	}
	if err := json.Unmarshal(text, &said); err != nil || said.Type == "" {
		return fmt.Errorf("the server answered %s; is it a Modelwharf server that has a model catalog?", status)
	}
	code := said.Type[strings.LastIndexByte(said.Type, '#')+1:]
	if code == "UnknownOperationException" {
		return fmt.Errorf("the server has no model catalog: it is older than this program, or another one")
	}
	return &Error{Code: code, Message: cmp.Or(said.Message, code), Missing: said.Missing}
}
