package lambda

import (
	"context"
	"encoding/json"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// maxListed is the longest page of a listing.
const maxListed = 50

// GetFunction describes a function, its code and its tags.
func (s *Service) GetFunction(ctx context.Context, in *lambda.GetFunctionRequest) (*lambda.GetFunctionResponse, error) {
	f, err := s.find(ctx, "GetFunction", in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionResponse{
		Configuration: f.describe(),
		Code:          &lambda.FunctionCodeLocation{RepositoryType: new("HTTP"), ImageUri: new(f.image), ResolvedImageUri: new(f.image)},
		Tags:          f.tags,
	}, nil
}

// GetFunctionConfiguration describes a function.
func (s *Service) GetFunctionConfiguration(ctx context.Context, in *lambda.GetFunctionConfigurationRequest) (*lambda.FunctionConfiguration, error) {
	f, err := s.find(ctx, "GetFunctionConfiguration", in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return f.describe(), nil
}

// GetFunctionCodeSigningConfig tells that the code of a function is not signed.
func (s *Service) GetFunctionCodeSigningConfig(ctx context.Context, in *lambda.GetFunctionCodeSigningConfigRequest) (*lambda.GetFunctionCodeSigningConfigResponse, error) {
	f, err := s.find(ctx, "GetFunctionCodeSigningConfig", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return &lambda.GetFunctionCodeSigningConfigResponse{FunctionName: new(f.name.name)}, nil
}

// GetFunctionConcurrency tells that no concurrency is reserved for a function.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyRequest) (*lambda.GetFunctionConcurrencyResponse, error) {
	if _, err := s.find(ctx, "GetFunctionConcurrency", in.FunctionName, nil); err != nil {
		return nil, err
	}
	return &lambda.GetFunctionConcurrencyResponse{}, nil
}

// GetPolicy tells that a function has no policy of its own.
func (s *Service) GetPolicy(ctx context.Context, in *lambda.GetPolicyRequest) (*lambda.GetPolicyResponse, error) {
	if _, err := s.find(ctx, "GetPolicy", in.FunctionName, in.Qualifier); err != nil {
		return nil, err
	}
	return nil, lambda.ResourceNotFoundException("The resource you requested does not exist.")
}

// DeleteFunction deletes a function. Its event source mappings stay, as on AWS, and
// have nothing to invoke.
func (s *Service) DeleteFunction(ctx context.Context, in *lambda.DeleteFunctionRequest) (*lambda.DeleteFunctionResponse, error) {
	f, err := s.find(ctx, "DeleteFunction", in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f.name.qualifier != "" {
		return nil, lambda.InvalidParameterValueException("$LATEST version cannot be deleted without deleting the function.")
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		f, err := readFunction(ctx, tx, f.name)
		if err != nil {
			return err
		}
		if f == nil {
			return lambda.ResourceNotFoundException("Function not found: %s", *in.FunctionName)
		}
		f.record(ctx, tx, map[string]any{"functionName": f.name.name})
		tx.Delete(f.name.key())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &lambda.DeleteFunctionResponse{StatusCode: new(int64(204))}, nil
}

// ListFunctions lists the caller's functions in the request's region, by name.
func (s *Service) ListFunctions(ctx context.Context, in *lambda.ListFunctionsRequest) (*lambda.ListFunctionsResponse, error) {
	if err := s.identity.Authorize(ctx, identity.Check{Action: "lambda:ListFunctions", Resource: "*"}); err != nil {
		return nil, err
	}
	r := api.RequestOf(ctx)
	out := &lambda.ListFunctionsResponse{Functions: []*lambda.FunctionConfiguration{}}
	if text(in.MasterRegion) != "" && text(in.MasterRegion) != r.Region && text(in.MasterRegion) != "ALL" {
		return out, nil
	}
	next, err := s.page(ctx, functionsOf(r.Caller.Account, r.Region), in.Marker, in.MaxItems, nil, func(key, val []byte) (bool, error) {
		name, _, err := tuple.String(key)
		if err != nil {
			return false, err
		}
		f, err := decodeFunction(functionName{account: r.Caller.Account, region: r.Region, name: name}, val)
		if err != nil {
			return false, err
		}
		if in.FunctionVersion != nil { // ALL lists versions, with their qualifiers
			f.name.qualifier = latest
		}
		out.Functions = append(out.Functions, f.describe())
		return true, nil
	})
	out.NextMarker = next
	return out, err
}

// ListVersionsByFunction lists the versions of a function, of which there is one.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *lambda.ListVersionsByFunctionRequest) (*lambda.ListVersionsByFunctionResponse, error) {
	f, err := s.find(ctx, "ListVersionsByFunction", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f.name.qualifier = latest
	return &lambda.ListVersionsByFunctionResponse{Versions: []*lambda.FunctionConfiguration{f.describe()}}, nil
}

// page calls take with the rest of each key below prefix, and its value, from a marker
// on, until it has taken a page. It returns the marker of the next one.
func (s *Service) page(ctx context.Context, prefix []byte, marker *string, most *int64, parameters any, take func(key, val []byte) (bool, error)) (*string, error) {
	r := api.RequestOf(ctx)
	chosen, err := json.Marshal(parameters)
	if err != nil {
		return nil, err
	}
	listing := pagetoken.Listing{Account: r.Caller.Account, Region: r.Region, Operation: "lambda:" + r.Operation, Parameters: chosen}
	from := prefix
	if text(marker) != "" {
		last, err := s.pages.Open(listing, *marker)
		if err != nil {
			return nil, lambda.InvalidParameterValueException("Invalid Marker")
		}
		from = after(last)
	}
	limit := int(min(orElse(most, maxListed), maxListed))
	var next *string
	err = s.store.View(ctx, func(rd kv.Reader) error {
		taken := 0
		var last []byte
		for p, err := range rd.Scan(ctx, kv.Range{From: from, To: tuple.Below(prefix)}) {
			if err != nil {
				return err
			}
			if taken == limit {
				next = new(s.pages.Seal(listing, last))
				return nil
			}
			ok, err := take(p.Key[len(prefix):], p.Val)
			if err != nil {
				return err
			}
			if ok {
				taken++
			}
			last = append(last[:0], p.Key...)
		}
		return nil
	})
	return next, err
}
