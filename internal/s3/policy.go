package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/modelwharf/modelwharf/internal/identity/policy"
)

// maxPolicy is how long the policy of a bucket may be, in bytes.
const maxPolicy = 20 << 10

// GetBucketPolicy returns the policy of a bucket, or NoSuchBucketPolicy.
func (s *Service) GetBucketPolicy(ctx context.Context, bucket string) (string, error) {
	b, err := s.onBucket(ctx, "GetBucketPolicy", bucket, nil)
	if err == nil && b.Policy == "" {
		err = Refuse("NoSuchBucketPolicy", http.StatusNotFound, "The bucket policy does not exist")
	}
	if err != nil {
		return "", err
	}
	return b.Policy, nil
}

// PutBucketPolicy sets the policy of a bucket. The error is MalformedPolicy.
func (s *Service) PutBucketPolicy(ctx context.Context, bucket, document string) error {
	b, err := s.onBucket(ctx, "PutBucketPolicy", bucket, nil)
	if err != nil {
		return err
	}
	if len(document) > maxPolicy {
		return malformedPolicy("Policies must not be larger than %d bytes", maxPolicy)
	}
	principals, unknown, err := s.identity.ResourcePolicyPrincipals(ctx, []byte(document))
	if malformed, ok := errors.AsType[*policy.MalformedError](err); ok {
		return malformedPolicy("%s", malformed.Message)
	}
	if err != nil {
		return err
	}
	if len(unknown) > 0 {
		return malformedPolicy("Invalid principal in policy: %s", strings.Join(unknown, ", "))
	}
	if err := checkStatements(b, document); err != nil {
		return err
	}
	return s.change(ctx, b, func(b *Bucket) error {
		b.Policy, b.Principals = document, principals
		return nil
	})
}

// statement is what S3 looks at in a statement of a policy.
type statement struct {
	Effect                                         string
	Principal, NotPrincipal, Resource, NotResource json.RawMessage
	Condition                                      json.RawMessage
}

// statementsOf reads the statements of a policy, which may be one or a list.
func statementsOf(document string) (all []statement, err error) {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(document)) != nil {
		return nil, malformedPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	var p struct{ Statement json.RawMessage }
	if err = json.Unmarshal(compact.Bytes(), &p); err == nil {
		if json.Unmarshal(p.Statement, &all) != nil {
			all = make([]statement, 1)
			err = json.Unmarshal(p.Statement, &all[0])
		}
	}
	if err != nil {
		return nil, malformedPolicy("Policies must be valid JSON and the first byte must be '{'")
	}
	return all, nil
}

// checkStatements looks at what S3 asks of a policy beside what IAM does: each statement
// names a principal, and resources of this bucket alone.
func checkStatements(b *Bucket, document string) error {
	statements, err := statementsOf(document)
	if err != nil {
		return err
	}
	for _, st := range statements {
		if st.Principal == nil && st.NotPrincipal == nil {
			return malformedPolicy("Missing required field Principal")
		}
		resources := st.Resource
		if resources == nil {
			resources = st.NotResource
		}
		if resources == nil {
			return malformedPolicy("Missing required field Resource")
		}
		var many []string
		if json.Unmarshal(resources, &many) != nil {
			many = []string{""}
			if err := json.Unmarshal(resources, &many[0]); err != nil {
				return malformedPolicy("Policy has invalid resource")
			}
		}
		for _, arn := range many {
			if arn != b.ARN() && !strings.HasPrefix(arn, b.ARN()+"/") && arn != b.ARN()+"*" {
				return malformedPolicy("Policy has invalid resource")
			}
		}
	}
	return nil
}

// DeleteBucketPolicy deletes the policy of a bucket, if it has one.
func (s *Service) DeleteBucketPolicy(ctx context.Context, bucket string) error {
	b, err := s.onBucket(ctx, "DeleteBucketPolicy", bucket, nil)
	if err != nil {
		return err
	}
	return s.change(ctx, b, func(b *Bucket) error {
		b.Policy, b.Principals = "", nil
		return nil
	})
}

// PublicPolicy tells whether the policy of a bucket allows something to everybody. The error
// is NoSuchBucketPolicy for a bucket without one.
func (s *Service) PublicPolicy(ctx context.Context, bucket string) (bool, error) {
	b, err := s.onBucket(ctx, "GetBucketPolicyStatus", bucket, nil)
	if err != nil {
		return false, err
	}
	if b.Policy == "" {
		return false, Refuse("NoSuchBucketPolicy", http.StatusNotFound, "The bucket policy does not exist")
	}
	statements, err := statementsOf(b.Policy)
	if err != nil {
		return false, err
	}
	for _, st := range statements {
		switch string(st.Principal) {
		case `"*"`, `{"AWS":"*"}`, `{"AWS":["*"]}`:
			if st.Effect == "Allow" && st.Condition == nil {
				return true, nil
			}
		}
	}
	return false, nil
}
