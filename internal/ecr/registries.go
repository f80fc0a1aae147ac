package ecr

import (
	"cmp"
	"context"
	"slices"

	"github.com/modelwharf/modelwharf/internal/api/ecr"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
)

// privateRegistry is what is set for a private registry: that of an account in a region.
type privateRegistry struct {
	// Policy speaks on every action in the registry, beside the repositories' own.
	Policy     string            `json:"policy,omitempty"`
	Principals map[string]string `json:"principals,omitempty"`
	Settings   map[string]string `json:"settings,omitempty"` // of the account, where they are not the usual ones
	Scanning   []scanningRule    `json:"scanning,omitempty"`
}

func privateRegistryKey(registry Name) []byte {
	return tuple.AppendString(textKey(privatePrefix, registry.Account), registry.Region)
}

// readRegistry returns what is set for a private registry, which may be nothing.
func readRegistry(ctx context.Context, tx kv.Reader, registry Name) (*privateRegistry, error) {
	b, err := tx.GetHot(ctx, privateRegistryKey(registry))
	if err != nil {
		return nil, err
	}
	reg, err := decode[privateRegistry](b)
	if err == nil && reg == nil {
		reg = &privateRegistry{}
	}
	return reg, err
}

// registrySettings is readRegistry in a snapshot of its own.
func (s *Service) registrySettings(ctx context.Context, registry Name) (reg *privateRegistry, err error) {
	err = s.view(ctx, func(tx kv.Reader) error {
		reg, err = readRegistry(ctx, tx, registry)
		return err
	})
	return reg, err
}

// changeRegistry changes what is set for a private registry; details are for the audit
// trail.
func (s *Service) changeRegistry(ctx context.Context, registry Name, details map[string]any, fn func(*privateRegistry) error) error {
	return s.update(ctx, func(tx kv.Txn) error {
		reg, err := readRegistry(ctx, tx, registry)
		if err != nil {
			return err
		}
		if err := fn(reg); err != nil {
			return err
		}
		tx.Put(privateRegistryKey(registry), encode(reg))
		s.recordRegistry(ctx, tx, registry, details)
		return nil
	})
}

func registryPolicyNotFound(registry Name) error {
	return ecr.RegistryPolicyNotFoundException("Registry policy does not exist in the registry with id '%s'", registry.Account)
}

func (a privateAPI) PutRegistryPolicy(ctx context.Context, in *ecr.PutRegistryPolicyInput) (*ecr.PutRegistryPolicyOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:PutRegistryPolicy"); err != nil {
		return nil, err
	}
	// It is for several repositories, so it says for which.
	principals, err := a.readPolicy(ctx, *in.PolicyText, "registry", func(st *policyStatement) bool { return st.names() && st.actions("ecr") })
	if err != nil {
		return nil, err
	}
	err = a.changeRegistry(ctx, registry, map[string]any{"policyText": *in.PolicyText}, func(reg *privateRegistry) error {
		reg.Policy, reg.Principals = *in.PolicyText, principals
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.PutRegistryPolicyOutput{RegistryId: &registry.Account, PolicyText: in.PolicyText}, nil
}

func (a privateAPI) GetRegistryPolicy(ctx context.Context, _ *ecr.GetRegistryPolicyInput) (*ecr.GetRegistryPolicyOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:GetRegistryPolicy"); err != nil {
		return nil, err
	}
	reg, err := a.registrySettings(ctx, registry)
	if err == nil && reg.Policy == "" {
		err = registryPolicyNotFound(registry)
	}
	if err != nil {
		return nil, err
	}
	return &ecr.GetRegistryPolicyOutput{RegistryId: &registry.Account, PolicyText: &reg.Policy}, nil
}

func (a privateAPI) DeleteRegistryPolicy(ctx context.Context, _ *ecr.DeleteRegistryPolicyInput) (*ecr.DeleteRegistryPolicyOutput, error) {
	registry := registryName(ctx)
	if err := a.authorizeRegistry(ctx, "ecr:DeleteRegistryPolicy"); err != nil {
		return nil, err
	}
	old := ""
	err := a.changeRegistry(ctx, registry, map[string]any{}, func(reg *privateRegistry) error {
		if old = reg.Policy; old == "" {
			return registryPolicyNotFound(registry)
		}
		reg.Policy, reg.Principals = "", nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.DeleteRegistryPolicyOutput{RegistryId: &registry.Account, PolicyText: &old}, nil
}

// blobMounting is the setting that says whether a push may take a blob over from another
// repository of the registry.
const blobMounting = "BLOB_MOUNTING"

// settings are the account settings that there are, with their values, the usual one
// first.
var settings = map[string][]string{
	"BASIC_SCAN_TYPE_VERSION": {"AWS_NATIVE"},
	"REGISTRY_POLICY_SCOPE":   {"V2"},
	blobMounting:              {"ENABLED", "DISABLED"},
}

// setting returns the value of an account setting.
func (reg *privateRegistry) setting(name string) string {
	return cmp.Or(reg.Settings[name], settings[name][0])
}

func checkSetting(name string) error {
	if settings[name] == nil {
		return invalid("name", "must be one of BASIC_SCAN_TYPE_VERSION, REGISTRY_POLICY_SCOPE and BLOB_MOUNTING")
	}
	return nil
}

func (a privateAPI) GetAccountSetting(ctx context.Context, in *ecr.GetAccountSettingInput) (*ecr.GetAccountSettingOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:GetAccountSetting"); err != nil {
		return nil, err
	}
	if err := checkSetting(*in.Name); err != nil {
		return nil, err
	}
	reg, err := a.registrySettings(ctx, registryName(ctx))
	if err != nil {
		return nil, err
	}
	return &ecr.GetAccountSettingOutput{Name: in.Name, Value: new(reg.setting(*in.Name))}, nil
}

func (a privateAPI) PutAccountSetting(ctx context.Context, in *ecr.PutAccountSettingInput) (*ecr.PutAccountSettingOutput, error) {
	if err := a.authorizeRegistry(ctx, "ecr:PutAccountSetting"); err != nil {
		return nil, err
	}
	if err := checkSetting(*in.Name); err != nil {
		return nil, err
	}
	if values := settings[*in.Name]; !slices.Contains(values, *in.Value) {
		return nil, invalid("value", "must be one of %v", values)
	}
	err := a.changeRegistry(ctx, registryName(ctx), map[string]any{"name": *in.Name, "value": *in.Value}, func(reg *privateRegistry) error {
		if reg.Settings == nil {
			reg.Settings = map[string]string{}
		}
		reg.Settings[*in.Name] = *in.Value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ecr.PutAccountSettingOutput{Name: in.Name, Value: in.Value}, nil
}
