package lifecycle_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/modelwharf/modelwharf/internal/ecr/lifecycle"
)

var now = time.Date(2026, time.November, 20, 10, 0, 0, 0, time.UTC)

// TestScripts evaluates the policies in testdata. A case is
//
//	=== name
//	the policy
//	--- images
//	digest age [tag …] [held] [of=subject]
//	--- expired
//	digest priority
//
// with the images that expire in their order; of a policy that is none, the case ends with
// "--- error" and the message.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range strings.Split("\n"+string(text), "\n=== ")[1:] {
			name, rest, _ := strings.Cut(c, "\n")
			t.Run(filepath.Base(file)+"/"+name, func(t *testing.T) {
				t.Parallel()
				document, rest, _ := strings.Cut(rest, "\n--- ")
				p, err := lifecycle.Parse([]byte(document))
				if want, ok := strings.CutPrefix(rest, "error\n"); ok {
					e, ok := errors.AsType[*lifecycle.Error](err)
					if !ok || e.Message != strings.TrimSpace(want) {
						t.Fatalf("the error is %v, want %s", err, want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				given, want, _ := strings.Cut(strings.TrimPrefix(rest, "images\n"), "\n--- expired")
				var got strings.Builder
				for _, x := range p.Evaluate(images(t, given), now) {
					fmt.Fprintf(&got, "%s %d\n", x.Image.Digest, x.Rule.Priority)
				}
				if strings.TrimSpace(got.String()) != strings.TrimSpace(want) {
					t.Errorf("expired are\n%swant%s", &got, want)
				}
			})
		}
	}
}

func images(t *testing.T, text string) (list []lifecycle.Image) {
	for line := range strings.Lines(text) {
		word := strings.Fields(line)
		if len(word) < 2 {
			continue
		}
		age, err := time.ParseDuration(word[1])
		if days, ok := strings.CutSuffix(word[1], "d"); ok {
			age, err = time.ParseDuration(days + "h")
			age *= 24
		}
		if err != nil {
			t.Fatal(err)
		}
		im := lifecycle.Image{Digest: word[0], Pushed: now.Add(-age)}
		for _, w := range word[2:] {
			if subject, ok := strings.CutPrefix(w, "of="); ok {
				im.Subject = subject
			} else if w == "held" {
				im.Held = true
			} else {
				im.Tags = append(im.Tags, w)
			}
		}
		list = append(list, im)
	}
	return list
}

// FuzzParse gives no text a panic, and evaluates what is a policy.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range strings.Split("\n"+string(text), "\n=== ")[1:] {
			_, rest, _ := strings.Cut(c, "\n")
			document, _, _ := strings.Cut(rest, "\n--- ")
			f.Add([]byte(document))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := lifecycle.Parse(text)
		if err != nil {
			if _, ok := errors.AsType[*lifecycle.Error](err); !ok {
				t.Errorf("%v is no error of a policy", err)
			}
			return
		}
		list := []lifecycle.Image{
			{Digest: "a", Tags: []string{"v1", "prod"}, Pushed: now.Add(-1000 * 24 * time.Hour)},
			{Digest: "b", Pushed: now, Held: true}, {Digest: "c", Pushed: now, Subject: "a"}, {Digest: "d"},
		}
		seen := map[string]bool{}
		for _, x := range p.Evaluate(list, now) {
			if x.Image.Held || x.Rule.Transition || seen[x.Image.Digest] {
				t.Errorf("%+v expires by %+v", x.Image, x.Rule)
			}
			seen[x.Image.Digest] = true
		}
	})
}
