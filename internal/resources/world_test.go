package resources_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// world is a whole server and a client of its stacks.
type world struct {
	*testing.T
	server *servertest.Server
	stacks *cloudformation.Client
}

func newWorld(t *testing.T, changes ...func(*server.Config)) *world {
	s := servertest.Start(t, changes...)
	return &world{t, s, cloudformation.NewFromConfig(s.AWS())}
}

func (w *world) create(name, template string, options ...func(*cloudformation.CreateStackInput)) {
	w.Helper()
	in := &cloudformation.CreateStackInput{StackName: &name, TemplateBody: &template, Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam}}
	for _, o := range options {
		o(in)
	}
	if _, err := w.stacks.CreateStack(w.Context(), in); err != nil {
		w.Fatal(err)
	}
}

// delete deletes a stack and waits until it is gone.
func (w *world) delete(name string) {
	w.Helper()
	st := w.describe(name)
	if _, err := w.stacks.DeleteStack(w.Context(), &cloudformation.DeleteStackInput{StackName: &name}); err != nil {
		w.Fatal(err)
	}
	w.want(*st.StackId, types.StackStatusDeleteComplete)
}

func (w *world) describe(name string) *types.Stack {
	w.Helper()
	out, err := w.stacks.DescribeStacks(w.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil {
		w.Fatal(err)
	}
	return &out.Stacks[0]
}

// object puts an object into the bucket "templates", and returns its URL.
func (w *world) object(name, body string) string {
	w.Helper()
	c := s3.NewFromConfig(w.server.AWS(), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := c.HeadBucket(w.Context(), &s3.HeadBucketInput{Bucket: aws.String("templates")})
	if err != nil {
		_, err = c.CreateBucket(w.Context(), &s3.CreateBucketInput{Bucket: aws.String("templates")})
	}
	if err == nil {
		_, err = c.PutObject(w.Context(), &s3.PutObjectInput{Bucket: aws.String("templates"), Key: &name, Body: strings.NewReader(body)})
	}
	if err != nil {
		w.Fatal(err)
	}
	return w.server.URL() + "/templates/" + name
}

// exists tells whether there is a stack of a name.
func (w *world) exists(name string) bool {
	_, err := w.stacks.DescribeStacks(w.Context(), &cloudformation.DescribeStacksInput{StackName: &name})
	return err == nil
}

func (w *world) dropImages(name string) {
	w.Helper()
	if _, err := ecr.NewFromConfig(w.server.AWS()).DeleteRepository(w.Context(), &ecr.DeleteRepositoryInput{RepositoryName: &name}); err != nil {
		w.Fatal(err)
	}
}

// settle waits until nothing happens to a stack.
func (w *world) settle(name string) *types.Stack {
	w.Helper()
	for {
		st := w.describe(name)
		if !strings.HasSuffix(string(st.StackStatus), "_IN_PROGRESS") {
			return st
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// want waits until nothing happens to a stack and checks its status.
func (w *world) want(name string, status types.StackStatus) *types.Stack {
	w.Helper()
	st := w.settle(name)
	if st.StackStatus != status {
		w.Fatalf("%s is %s (%s), want %s:\n%s", name, st.StackStatus, aws.ToString(st.StackStatusReason), status, strings.Join(w.events(*st.StackId), "\n"))
	}
	return st
}

func (w *world) events(name string) (lines []string) {
	w.Helper()
	out, err := w.stacks.DescribeStackEvents(w.Context(), &cloudformation.DescribeStackEventsInput{StackName: &name})
	if err != nil {
		w.Fatal(err)
	}
	for _, e := range out.StackEvents {
		lines = append(lines, fmt.Sprint(*e.LogicalResourceId, " ", e.ResourceStatus, " ", aws.ToString(e.ResourceStatusReason)))
	}
	return lines
}

// outputs are the outputs of a stack by key.
func outputs(st *types.Stack) map[string]string {
	m := map[string]string{}
	for _, o := range st.Outputs {
		m[*o.OutputKey] = *o.OutputValue
	}
	return m
}

// failsWith checks that an error says something.
func (w *world) failsWith(err error, want string) {
	w.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || !strings.Contains(e.ErrorCode()+": "+e.ErrorMessage(), want) {
		w.Errorf("got  %v\nwant %s", err, want)
	}
}
