package codeartifact_test

import (
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
)

func (w *world) upstreams(repository string, upstreams ...string) error {
	in := &sdk.UpdateRepositoryInput{Domain: new("models"), Repository: &repository, Upstreams: []types.UpstreamRepository{}}
	for _, u := range upstreams {
		in.Upstreams = append(in.Upstreams, types.UpstreamRepository{RepositoryName: &u})
	}
	_, err := w.UpdateRepository(w.t.Context(), in)
	return err
}

// TestUpstreamsAreTenAtMost takes ten direct upstreams and no more, each once, each there.
func TestUpstreamsAreTenAtMost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "main")
	var names []string
	for i := range 11 {
		names = append(names, fmt.Sprintf("up-%02d", i))
		w.repository("models", names[i])
	}
	w.wantCode(w.upstreams("main", names...), "ServiceQuotaExceededException")
	w.wantCode(w.upstreams("main", names[:10]...), "")
	w.wantCode(w.upstreams("main", "up-01", "up-01"), "ValidationException")
	w.wantCode(w.upstreams("main", "absent"), "ResourceNotFoundException")
	out, err := w.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: new("main")})
	if err != nil || len(out.Repository.Upstreams) != 10 || *out.Repository.Upstreams[9].RepositoryName != "up-09" {
		t.Errorf("%+v, %v", out, err)
	}
	// What is not said stays.
	if _, err := w.UpdateRepository(t.Context(), &sdk.UpdateRepositoryInput{Domain: new("models"), Repository: new("main"), Description: new("a text")}); err != nil {
		t.Fatal(err)
	}
	out, err = w.DescribeRepository(t.Context(), &sdk.DescribeRepositoryInput{Domain: new("models"), Repository: new("main")})
	if err != nil || len(out.Repository.Upstreams) != 10 || *out.Repository.Description != "a text" {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestCycleOfUpstreamsIsRefused refuses a repository as its own upstream, directly and
// through others, also when two changes that together make a cycle come at once.
func TestCycleOfUpstreamsIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.domain("models", "aa", "bb", "cc")
	w.wantCode(w.upstreams("aa", "aa"), "ValidationException")
	w.wantCode(w.upstreams("aa", "bb"), "")
	w.wantCode(w.upstreams("bb", "cc"), "")
	w.wantCode(w.upstreams("cc", "aa"), "ConflictException")
	for i := range 10 {
		one, two := fmt.Sprintf("one-%d", i), fmt.Sprintf("two-%d", i)
		w.repository("models", one)
		w.repository("models", two)
		errs := make(chan error, 2)
		go func() { errs <- w.upstreams(one, two) }()
		go func() { errs <- w.upstreams(two, one) }()
		first, second := codeOf(<-errs), codeOf(<-errs)
		if (first == "") == (second == "") {
			t.Errorf("%q and %q", first, second)
		}
	}
}
