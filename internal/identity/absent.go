package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// The operations of this file are about what no account has here: devices,
// certificates, passwords, instance profiles. They answer truthfully that there is
// none, since clients ask before they delete a user or a role.

// ListMFADevices lists no devices.
func (s *Service) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	return &iam.ListMFADevicesOutput{MFADevices: []*iam.MFADevice{}, IsTruncated: new(false)},
		s.aboutUser(ctx, "ListMFADevices", in.UserName)
}

// ListSigningCertificates lists no certificates.
func (s *Service) ListSigningCertificates(ctx context.Context, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	return &iam.ListSigningCertificatesOutput{Certificates: []*iam.SigningCertificate{}, IsTruncated: new(false)},
		s.aboutUser(ctx, "ListSigningCertificates", in.UserName)
}

// ListSSHPublicKeys lists no keys.
func (s *Service) ListSSHPublicKeys(ctx context.Context, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	return &iam.ListSSHPublicKeysOutput{SSHPublicKeys: []*iam.SSHPublicKeyMetadata{}, IsTruncated: new(false)},
		s.aboutUser(ctx, "ListSSHPublicKeys", in.UserName)
}

// ListServiceSpecificCredentials lists no credentials.
func (s *Service) ListServiceSpecificCredentials(ctx context.Context, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	return &iam.ListServiceSpecificCredentialsOutput{ServiceSpecificCredentials: []*iam.ServiceSpecificCredentialMetadata{}},
		s.aboutUser(ctx, "ListServiceSpecificCredentials", in.UserName)
}

// ListVirtualMFADevices lists no devices.
func (s *Service) ListVirtualMFADevices(ctx context.Context, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: []*iam.VirtualMFADevice{}, IsTruncated: new(false)},
		s.reading(ctx, "ListVirtualMFADevices", func(op *operation) error {
			return op.authorize(iamARN(op.account, "mfa/"), nil)
		})
}

// ListAccountAliases lists no aliases.
func (s *Service) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	return &iam.ListAccountAliasesOutput{AccountAliases: []string{}, IsTruncated: new(false)},
		s.reading(ctx, "ListAccountAliases", func(op *operation) error { return op.authorize("*", nil) })
}

// GetLoginProfile says that a user has no password: the console signs in with
// access keys.
func (s *Service) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	return nil, s.noLogin(ctx, "GetLoginProfile", in.UserName)
}

// DeleteLoginProfile says that a user has no password.
func (s *Service) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	return nil, s.noLogin(ctx, "DeleteLoginProfile", in.UserName)
}

func (s *Service) noLogin(ctx context.Context, action string, name *string) error {
	if err := s.aboutUser(ctx, action, name); err != nil {
		return err
	}
	return iam.NoSuchEntityException("Login Profile for User %s cannot be found.", text(name))
}

// ListInstanceProfilesForRole lists no profiles.
func (s *Service) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: []*iam.InstanceProfile{}, IsTruncated: new(false)},
		s.reading(ctx, "ListInstanceProfilesForRole", func(op *operation) error {
			_, err := op.holder(roleKind, text(in.RoleName))
			return err
		})
}

// aboutUser asks policy about a user, who must exist.
func (s *Service) aboutUser(ctx context.Context, action string, name *string) error {
	return s.reading(ctx, action, func(op *operation) error {
		_, err := op.userOrSelf(name)
		return err
	})
}

// DeactivateMFADevice finds none to deactivate.
func (s *Service) DeactivateMFADevice(ctx context.Context, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	if err := s.aboutUser(ctx, "DeactivateMFADevice", in.UserName); err != nil {
		return nil, err
	}
	return nil, iam.NoSuchEntityException("MFA Device with serial number %s does not exist.", text(in.SerialNumber))
}

// DeleteSSHPublicKey finds none to delete.
func (s *Service) DeleteSSHPublicKey(ctx context.Context, in *iam.DeleteSSHPublicKeyInput) (*iam.DeleteSSHPublicKeyOutput, error) {
	if err := s.aboutUser(ctx, "DeleteSSHPublicKey", in.UserName); err != nil {
		return nil, err
	}
	return nil, iam.NoSuchEntityException("The SSH Public Key with id %s cannot be found.", text(in.SSHPublicKeyId))
}

// DeleteServiceSpecificCredential finds none to delete.
func (s *Service) DeleteServiceSpecificCredential(ctx context.Context, in *iam.DeleteServiceSpecificCredentialInput) (*iam.DeleteServiceSpecificCredentialOutput, error) {
	if err := s.aboutUser(ctx, "DeleteServiceSpecificCredential", in.UserName); err != nil {
		return nil, err
	}
	return nil, iam.NoSuchEntityException("The Service Specific Credential with id %s cannot be found.", text(in.ServiceSpecificCredentialId))
}

// DeleteSigningCertificate finds none to delete.
func (s *Service) DeleteSigningCertificate(ctx context.Context, in *iam.DeleteSigningCertificateInput) (*iam.DeleteSigningCertificateOutput, error) {
	if err := s.aboutUser(ctx, "DeleteSigningCertificate", in.UserName); err != nil {
		return nil, err
	}
	return nil, iam.NoSuchEntityException("The Certificate with id %s cannot be found.", text(in.CertificateId))
}

// DeleteVirtualMFADevice finds none to delete.
func (s *Service) DeleteVirtualMFADevice(ctx context.Context, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	err := s.reading(ctx, "DeleteVirtualMFADevice", func(op *operation) error { return op.authorize(text(in.SerialNumber), nil) })
	if err != nil {
		return nil, err
	}
	return nil, iam.NoSuchEntityException("VirtualMFADevice with serial number %s doesn't exist.", text(in.SerialNumber))
}
