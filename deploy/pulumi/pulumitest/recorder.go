// Package pulumitest runs Pulumi programs without an engine or a provider, and keeps what they
// ask for.
package pulumitest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Account is the account of which the program is run.
const Account = "123456789012"

// Resources are the inputs of resources, by "type name". Those of components are nil.
type Resources map[string]map[string]any

// recorder stands for the engine: each resource gets the id NAME_id, and its inputs as its
// outputs, with an ARN and what else a program may ask for.
type recorder struct {
	mu   sync.Mutex
	made Resources
}

func (r *recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := args.TypeToken + " " + args.Name
	if _, twice := r.made[key]; twice {
		return "", nil, fmt.Errorf("%s is made twice", key)
	}
	r.made[key] = nil
	if args.Custom {
		r.made[key] = args.Inputs.Mappable()
	}
	outputs := args.Inputs.Copy()
	outputs["arn"] = resource.NewStringProperty("arn:" + args.Name)
	outputs["streamArn"] = resource.NewStringProperty("arn:" + args.Name + "/stream")
	outputs["repositoryUri"] = resource.NewStringProperty("uri:" + args.Name)
	outputs["repositoryUrl"] = resource.NewStringProperty("url:" + args.Name)
	return args.Name + "_id", outputs, nil
}

func (r *recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if args.Token != "aws:index/getCallerIdentity:getCallerIdentity" {
		return nil, fmt.Errorf("a call of %s", args.Token)
	}
	return resource.NewPropertyMapFromMap(map[string]any{"accountId": Account}), nil
}

// Program makes resources, and returns what it exports.
type Program func(*pulumi.Context) (pulumi.Map, error)

// Run runs a program with a configuration, and returns what it asks for and exports.
func Run(t *testing.T, program Program, config map[string]string) (Resources, map[string]any, error) {
	t.Helper()
	r := &recorder{made: Resources{}}
	exports := map[string]any{}
	err := pulumi.RunErr(func(ctx *pulumi.Context) error {
		made, err := program(ctx)
		if err == nil { // the engine waits for it
			made.ToMapOutput().ApplyT(func(all map[string]any) bool { exports = all; return true })
		}
		return err
	}, pulumi.WithMocks("project", "stack", r), func(info *pulumi.RunInfo) {
		info.Config = map[string]string{}
		for k, v := range config {
			info.Config["project:"+k] = v
		}
	})
	return r.made, exports, err
}

// Want fails the test unless a program asks for just these resources, with these inputs, and
// exports this.
func Want(t *testing.T, program Program, config map[string]string, resources Resources, exports map[string]any) {
	t.Helper()
	got, exported, err := Run(t, program, config)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(resources, got); diff != "" {
		t.Error("resources: want (-), got (+):\n" + diff)
	}
	if diff := cmp.Diff(exports, exported); diff != "" {
		t.Error("exports: want (-), got (+):\n" + diff)
	}
}
