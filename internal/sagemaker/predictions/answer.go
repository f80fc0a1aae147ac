package predictions

import (
	"net/http"
	"strconv"
	"time"
)

// Answer is what a model answered. Nobody changes one, nor its Body, once it was handed over.
type Answer struct {
	Status           int // HTTP status; only 2xx is kept
	ContentType      string
	CustomAttributes string
	Variant          string // the production variant that answered; the question's if empty
	Body             []byte
}

// kept tells whether the status is one that is kept: 2xx.
func (a *Answer) kept() bool { return a.Status >= 200 && a.Status < 300 }

// Outcome is what the cache did for a prediction.
type Outcome string

// The outcomes. A prediction that waited for the model's answer to an equal one is a hit, so
// that of a stampede one is a miss.
const (
	NoCache Outcome = ""       // the endpoint has no cache
	Hit     Outcome = "hit"    // the answer is one that was given before
	Miss    Outcome = "miss"   // the model was called
	Bypass  Outcome = "bypass" // the cache was not asked, or could not be
)

// Result is an answer and where it came from.
type Result struct {
	*Answer
	Outcome Outcome
	Age     time.Duration // of a hit: since the model answered
}

// The headers that tell of the cache.
const (
	OutcomeHeader = "X-Modelwharf-Cache"
	AgeHeader     = "Age"
)

// SetHeaders tells the client what the cache did: x-modelwharf-cache, and of a hit its age
// in seconds (RFC 9111, section 5.1). Without a cache it sets nothing.
func (r *Result) SetHeaders(h http.Header) {
	if r.Outcome == NoCache {
		return
	}
	h.Set(OutcomeHeader, string(r.Outcome))
	if r.Outcome == Hit {
		h.Set(AgeHeader, strconv.FormatInt(int64(r.Age/time.Second), 10))
	}
}
