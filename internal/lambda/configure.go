package lambda

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/kv"
)

// UpdateFunctionCode gives a function another URL.
func (s *Service) UpdateFunctionCode(ctx context.Context, in *lambda.UpdateFunctionCodeRequest) (*lambda.FunctionConfiguration, error) {
	f, err := s.find(ctx, "UpdateFunctionCode", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.ZipFile) > 0 || in.S3Bucket != nil || in.S3Key != nil:
		return nil, lambda.InvalidParameterValueException("Please provide ImageUri when updating a function with packageType Image.")
	case orElse(in.Publish, false) || in.PublishTo != nil:
		return nil, notHere("Publish")
	}
	if err := checkImage(in.ImageUri); err != nil {
		return nil, err
	}
	dry := orElse(in.DryRun, false)
	return s.change(ctx, f.name, in.RevisionId, dry, func(f *function) map[string]any {
		f.setImage(*in.ImageUri)
		if len(in.Architectures) > 0 {
			f.config.Architectures = in.Architectures
		}
		return map[string]any{"functionName": f.name.name, "imageUri": f.image, "dryRun": dry}
	})
}

// UpdateFunctionConfiguration changes the settings of a function; what is not said stays.
func (s *Service) UpdateFunctionConfiguration(ctx context.Context, in *lambda.UpdateFunctionConfigurationRequest) (*lambda.FunctionConfiguration, error) {
	f, err := s.find(ctx, "UpdateFunctionConfiguration", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if in.Runtime != nil || in.Handler != nil {
		return nil, lambda.InvalidParameterValueException("You can not update Runtime or Handler of a function of the package type Image.")
	}
	if err := checkSettings(in); err != nil {
		return nil, err
	}
	if in.Role != nil {
		if err := s.checkRole(ctx, *in.Role); err != nil {
			return nil, err
		}
	}
	return s.change(ctx, f.name, in.RevisionId, false, func(f *function) map[string]any {
		c := f.config
		said := map[string]any{"functionName": f.name.name}
		set(&c.Role, in.Role, said, "role")
		set(&c.Description, in.Description, said, "description")
		set(&c.Timeout, in.Timeout, said, "timeout")
		set(&c.MemorySize, in.MemorySize, said, "memorySize")
		if in.Environment != nil {
			f.setEnvironment(in.Environment)
		}
		if in.EphemeralStorage != nil {
			c.EphemeralStorage = in.EphemeralStorage
		}
		if in.LoggingConfig != nil {
			c.LoggingConfig = in.LoggingConfig
			f.setDefaults()
		}
		return said
	})
}

func set[T any](to **T, from *T, said map[string]any, name string) {
	if from != nil {
		*to = from
		said[name] = *from
	}
}

// change changes a function, unless it is no longer of the revision that is asked for.
func (s *Service) change(ctx context.Context, n functionName, revision *string, dry bool, apply func(f *function) map[string]any) (*lambda.FunctionConfiguration, error) {
	var out *lambda.FunctionConfiguration
	err := s.update(ctx, func(tx kv.Txn) error {
		f, err := readFunction(ctx, tx, n)
		if err != nil {
			return err
		}
		if f == nil {
			return noFunction(n)
		}
		if revision != nil && *revision != *f.config.RevisionId {
			return lambda.PreconditionFailedException("The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
		}
		said := apply(f)
		if dry {
			out = f.describe()
			return nil
		}
		f.changed(s.now())
		out = f.describe()
		f.record(ctx, tx, said)
		return f.put(tx)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
