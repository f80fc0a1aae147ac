package lambda

import (
	"context"
	"maps"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/kv"
)

const (
	maxTimeout    = 900 // seconds
	maxMemory     = 10240
	maxEphemeral  = 10240
	maxVariables  = 4 << 10 // bytes of names and values
	defaultMemory = 128
)

// CreateFunction makes a function, which can be invoked at once.
func (s *Service) CreateFunction(ctx context.Context, in *lambda.CreateFunctionRequest) (*lambda.FunctionConfiguration, error) {
	n, err := nameOf(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if _, err := s.authorize(ctx, "CreateFunction", n, requestTags(in.Tags)); err != nil {
		return nil, err
	}
	if n.qualifier != "" {
		return nil, lambda.InvalidParameterValueException("The function name must not have a qualifier: %s", *in.FunctionName)
	}
	if err := checkCreate(in); err != nil {
		return nil, err
	}
	if err := checkTags(nil, in.Tags); err != nil {
		return nil, err
	}
	if err := s.checkRole(ctx, *in.Role); err != nil {
		return nil, err
	}
	f := &function{name: n, tags: in.Tags, config: &lambda.FunctionConfiguration{
		FunctionName: new(n.name), FunctionArn: new(n.arn()), Role: in.Role, PackageType: new("Image"), Version: new(latest),
		Description: new(text(in.Description)), Timeout: new(orElse(in.Timeout, 3)), MemorySize: new(orElse(in.MemorySize, defaultMemory)),
		CodeSize: new(int64(0)), State: new("Active"), LastUpdateStatus: new("Successful"),
		TracingConfig: &lambda.TracingConfigResponse{Mode: new("PassThrough")}, Architectures: in.Architectures,
		EphemeralStorage: in.EphemeralStorage, LoggingConfig: in.LoggingConfig,
		SnapStart: &lambda.SnapStartResponse{ApplyOn: new("None"), OptimizationStatus: new("Off")},
	}}
	f.setDefaults()
	f.setEnvironment(in.Environment)
	f.setImage(*in.Code.ImageUri)
	f.changed(s.now())
	err = s.update(ctx, func(tx kv.Txn) error {
		old, err := readFunction(ctx, tx, n)
		if err != nil {
			return err
		}
		if old != nil {
			return lambda.ResourceConflictException("Function already exist: %s", n.name)
		}
		f.record(ctx, tx, map[string]any{
			"functionName": n.name, "role": *in.Role, "code": map[string]any{"imageUri": f.image}, "packageType": "Image",
			"timeout": *f.config.Timeout, "memorySize": *f.config.MemorySize, "description": *f.config.Description, "tags": in.Tags,
		})
		return f.put(tx)
	})
	if err != nil {
		return nil, err
	}
	return f.describe(), nil
}

// setDefaults sets what has not been said.
func (f *function) setDefaults() {
	c := f.config
	if len(c.Architectures) == 0 {
		c.Architectures = []string{"x86_64"}
	}
	if c.EphemeralStorage == nil {
		c.EphemeralStorage = &lambda.EphemeralStorage{Size: new(int64(512))}
	}
	logging := &lambda.LoggingConfig{}
	if c.LoggingConfig != nil {
		*logging = *c.LoggingConfig
	}
	if logging.LogFormat == nil {
		logging.LogFormat = new("Text")
	}
	if logging.LogGroup == nil {
		logging.LogGroup = new("/aws/lambda/" + f.name.name)
	}
	c.LoggingConfig = logging
}

func (f *function) setEnvironment(e *lambda.Environment) {
	f.config.Environment = nil
	if e != nil && len(e.Variables) > 0 {
		f.config.Environment = &lambda.EnvironmentResponse{Variables: maps.Clone(e.Variables)}
	}
}

// checkCreate checks what is asked of a new function.
func checkCreate(in *lambda.CreateFunctionRequest) error {
	code := in.Code
	switch {
	case in.PackageType == nil || *in.PackageType != "Image" || len(code.ZipFile) > 0 || code.S3Bucket != nil || code.S3Key != nil:
		return lambda.InvalidParameterValueException("Functions of the package type Zip are not available in this version of Modelwharf: give the package type Image and, as the ImageUri, a URL that begins with http:// or https://.")
	case in.Runtime != nil || in.Handler != nil:
		return lambda.InvalidParameterValueException("Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image.")
	case orElse(in.Publish, false) || in.PublishTo != nil:
		return notHere("Publish")
	case in.CodeSigningConfigArn != nil:
		return notHere("CodeSigningConfigArn")
	}
	if err := checkImage(code.ImageUri); err != nil {
		return err
	}
	return checkSettings(&lambda.UpdateFunctionConfigurationRequest{
		Timeout: in.Timeout, MemorySize: in.MemorySize, Environment: in.Environment, EphemeralStorage: in.EphemeralStorage,
		VpcConfig: in.VpcConfig, DeadLetterConfig: in.DeadLetterConfig, KMSKeyArn: in.KMSKeyArn, TracingConfig: in.TracingConfig,
		Layers: in.Layers, FileSystemConfigs: in.FileSystemConfigs, ImageConfig: in.ImageConfig, SnapStart: in.SnapStart,
		CapacityProviderConfig: in.CapacityProviderConfig, DurableConfig: in.DurableConfig,
	})
}

func notHere(parameter string) error {
	return lambda.InvalidParameterValueException("%s is not available in this version of Modelwharf.", parameter)
}

// checkSettings checks the settings of a function that a new and an old one can be
// given. What would have no effect is refused.
func checkSettings(in *lambda.UpdateFunctionConfigurationRequest) error {
	var v api.Violations
	for _, x := range []struct {
		name  string
		value *int64
		max   int64
	}{{"timeout", in.Timeout, maxTimeout}, {"memorySize", in.MemorySize, maxMemory}} {
		if x.value != nil {
			v.Enter(x.name)
			v.Number(*x.value, &api.Rule{HasMax: true, Max: x.max})
			v.Leave()
		}
	}
	if in.EphemeralStorage != nil {
		v.Enter("ephemeralStorage")
		v.Enter("size")
		v.Number(*in.EphemeralStorage.Size, &api.Rule{HasMax: true, Max: maxEphemeral})
	}
	if err := v.Err(); err != nil {
		return err
	}
	if e := in.Environment; e != nil {
		size := 0
		for k, value := range e.Variables {
			size += len(k) + len(value)
		}
		if size > maxVariables {
			return lambda.InvalidParameterValueException("Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit.")
		}
	}
	for _, x := range []struct {
		name  string
		asked bool
	}{
		{"VpcConfig", in.VpcConfig != nil && len(in.VpcConfig.SubnetIds)+len(in.VpcConfig.SecurityGroupIds) > 0},
		{"DeadLetterConfig", in.DeadLetterConfig != nil && text(in.DeadLetterConfig.TargetArn) != ""},
		{"KMSKeyArn", text(in.KMSKeyArn) != ""},
		{"TracingConfig Active", in.TracingConfig != nil && text(in.TracingConfig.Mode) == "Active"},
		{"Layers", len(in.Layers) > 0},
		{"FileSystemConfigs", len(in.FileSystemConfigs) > 0},
		{"ImageConfig", in.ImageConfig != nil && (len(in.ImageConfig.Command)+len(in.ImageConfig.EntryPoint) > 0 || text(in.ImageConfig.WorkingDirectory) != "")},
		{"SnapStart", in.SnapStart != nil && text(in.SnapStart.ApplyOn) == "PublishedVersions"},
		{"CapacityProviderConfig", in.CapacityProviderConfig != nil},
		{"DurableConfig", in.DurableConfig != nil},
	} {
		if x.asked {
			return notHere(x.name)
		}
	}
	return nil
}

// requestTags are the condition keys of tags in a request.
func requestTags(tags map[string]string) map[string][]string {
	if len(tags) == 0 {
		return nil
	}
	c := make(map[string][]string, len(tags)+1)
	for k, v := range tags {
		c["aws:RequestTag/"+k] = []string{v}
	}
	c["aws:TagKeys"] = slices.Sorted(maps.Keys(tags))
	return c
}
