package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// raw is a request to the tables that no SDK would send.
type raw struct {
	operation string
	body      string
	at        time.Time // when it is signed; now if zero
	secret    string    // the administrator's if ""
	change    func(*http.Request)
}

// answer is what came back.
type answer struct {
	status  int
	kind    string // __type
	message string
}

func (s *server) send(t testing.TB, r raw) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/", strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+r.operation)
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.secret == "" {
		r.secret = secretKey
	}
	sum := sha256.Sum256([]byte(r.body))
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: r.secret}, req,
		hex.EncodeToString(sum[:]), "dynamodb", region, r.at); err != nil {
		t.Fatal(err)
	}
	if r.change != nil {
		r.change(req)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e struct {
		Kind    string `json:"__type"`
		Message string
	}
	if err := json.Unmarshal(said, &e); err != nil {
		t.Fatalf("%d, not JSON: %v: %.300s", res.StatusCode, err, bytes.ToValidUTF8(said, []byte("?")))
	}
	return answer{res.StatusCode, e.Kind, e.Message}
}
