package predictions

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"mime"
	"strings"
)

// Question is all that an answer may depend on. Two equal questions have the same answer;
// what is not in here, such as an InferenceId, never tells two predictions apart.
type Question struct {
	Account  string
	Region   string
	Endpoint string
	// Generation is the endpoint's present one: random, and new with each promotion and each
	// roll-back, so that no answer from before it is ever found after it.
	Generation  string
	Variant     string // the production variant that was chosen
	Model       string
	ImageDigest string

	TargetModel             string
	TargetContainerHostname string
	ContentType             string
	Accept                  string
	EnableExplanations      string
	CustomAttributes        string
	Body                    []byte
}

// schema begins every key. It changes when the meaning of a field does.
const schema = "modelwharf prediction 1"

// Key is the SHA-256 of a question.
type Key [sha256.Size]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// form says of which bytes a key is made. The forms have no keys in common: what was computed
// for an equivalent body is never the answer to a body that is compared exactly.
type form string

const (
	exact      form = "exact"      // the body as it came
	equivalent form = "equivalent" // the body as it came, where its canonical form decides
	canonical  form = "canonical"  // the body's canonical form
)

// key is the hash of the question with body in the place of its own. Each part has its
// length before it, so that no two lists of parts have the same bytes.
func (q *Question) key(f form, body []byte) (k Key) {
	h := sha256.New()
	var buffer [512]byte
	text := buffer[:0]
	for _, part := range [...]string{
		schema, string(f), q.Account, q.Region, q.Endpoint, q.Generation, q.Variant, q.Model, q.ImageDigest,
		q.TargetModel, q.TargetContainerHostname, q.ContentType, q.Accept, q.EnableExplanations, q.CustomAttributes,
	} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	text = binary.BigEndian.AppendUint64(text, uint64(len(body)))
	write(h, text)
	write(h, body)
	h.Sum(k[:0])
	return k
}

func write(h hash.Hash, b []byte) { _, _ = h.Write(b) } // which never fails

// Key is the key of the question if bodies are compared exactly.
func (q *Question) Key() Key { return q.key(exact, q.Body) }

// isJSON tells whether the body is said to be JSON, in the one encoding that JSON has.
func (q *Question) isJSON() bool {
	kind, parameters, err := mime.ParseMediaType(q.ContentType)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return false
	}
	charset, given := parameters["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}
