package identity

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"github.com/modelwharf/modelwharf/internal/api/iam"
	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// checkDocument says whether a document is a policy of a kind.
func checkDocument(document string, k policy.Kind) (*policy.Policy, error) {
	p, err := policy.Parse([]byte(document), k)
	if err != nil {
		e := iam.MalformedPolicyDocumentException("%s", err)
		if malformed, ok := errors.AsType[*policy.MalformedError](err); ok {
			return nil, e.Because(errors.New(malformed.Detail))
		}
		return nil, e
	}
	return p, nil
}

// encoded is a document as IAM answers with it: percent-encoded as in RFC 3986.
func encoded(document string) *string {
	return new(strings.ReplaceAll(url.QueryEscape(document), "+", "%20"))
}

// size is the length of a policy by which quotas count: without white space.
func size(document string) int {
	n := 0
	for _, r := range document {
		if !unicode.IsSpace(r) {
			n++
		}
	}
	return n
}
