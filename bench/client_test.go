package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// client signs and sends requests as AWS's SDKs do, and reads the answers
// without decoding them.
type client struct {
	signer *v4.Signer
	http   *http.Client
}

func newClient(connections int) *client {
	return &client{v4.NewSigner(), &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: connections,
		MaxConnsPerHost:     connections,
		DisableCompression:  true,
	}}}
}

// call sends one request of the DynamoDB API and returns the size of its answer.
func (c *client) call(url, operation string, body []byte) (int, error) {
	return c.send(url, "DynamoDB_20120810."+operation, body, io.Discard)
}

// send sends one request, writes its answer to w and returns the answer's size.
func (c *client) send(url, target string, body []byte, w io.Writer) (int, error) {
	req, err := http.NewRequest(http.MethodPost, url+"/", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", target)
	sum := sha256.Sum256(body)
	err = c.signer.SignHTTP(background, aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey},
		req, hex.EncodeToString(sum[:]), "dynamodb", region, time.Now())
	if err != nil {
		return 0, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(res.Body)
		return 0, fmt.Errorf("%s: %s: %s", target, res.Status, said)
	}
	n, err := io.Copy(w, res.Body)
	return int(n), err
}

// load is what a benchmark asks for: request(i) is the i-th body.
type load struct {
	operation   string
	connections int
	request     func(i int64) []byte
}

// run sends requests over l.connections for d and returns how many it sent.
func (l *load) run(tb testing.TB, c *client, url string, next *atomic.Int64, d time.Duration) int64 {
	var done atomic.Int64
	var failed sync.Once
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for range l.connections {
		wg.Go(func() {
			for time.Now().Before(until) {
				if _, err := c.call(url, l.operation, l.request(next.Add(1))); err != nil {
					failed.Do(func() { tb.Error(err) })
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return done.Load()
}

// value is n bytes that do not compress away.
func value(i int64, n int) string {
	b := make([]byte, 0, n+16)
	for x := uint64(i)*0x9E3779B97F4A7C15 + 1; len(b) < n; x = x*6364136223846793005 + 1442695040888963407 {
		var word [8]byte
		binary.BigEndian.PutUint64(word[:], x)
		b = hex.AppendEncode(b, word[:])
	}
	return string(b[:n])
}
