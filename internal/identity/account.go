package identity

import (
	"context"

	"github.com/modelwharf/modelwharf/internal/api/iam"
)

// GetAccountSummary counts what the account has, beside its quotas.
func (s *Service) GetAccountSummary(ctx context.Context, in *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	out := &iam.GetAccountSummaryOutput{SummaryMap: map[string]int64{}}
	err := s.reading(ctx, "GetAccountSummary", func(op *operation) error {
		if err := op.authorize("*", nil); err != nil {
			return err
		}
		root, err := op.find(rootKind, "")
		if err != nil {
			return err
		}
		if root != nil {
			out.SummaryMap["AccountAccessKeysPresent"] = int64(min(1, len(root.AccessKeys)))
		}
		for name, k := range map[string]kind{"Users": userKind, "Groups": groupKind, "Roles": roleKind, "Policies": "policy"} {
			n, err := op.count(listKey(op.account, string(k)))
			if err != nil {
				return err
			}
			out.SummaryMap[name] = int64(n)
		}
		for name, n := range map[string]int64{
			"UsersQuota": usersPerAccount, "GroupsQuota": groupsPerAccount, "RolesQuota": rolesPerAccount, "PoliciesQuota": policiesPerAccount,
			"AccessKeysPerUserQuota": accessKeysPerUser, "GroupsPerUserQuota": groupsPerUser, "VersionsPerPolicyQuota": versionsPerPolicy,
			"AttachedPoliciesPerUserQuota": attachedPerHolder, "AttachedPoliciesPerGroupQuota": attachedPerHolder, "AttachedPoliciesPerRoleQuota": attachedPerHolder,
			"PolicySizeQuota": managedPolicySize, "UserPolicySizeQuota": userInlineSize, "GroupPolicySizeQuota": groupInlineSize,
			"RolePolicySizeQuota": roleInlineSize, "AssumeRolePolicySizeQuota": trustPolicySize,
			"MFADevices": 0, "MFADevicesInUse": 0, "AccountMFAEnabled": 0, "InstanceProfiles": 0, "ServerCertificates": 0, "Providers": 0,
			"AccountSigningCertificatesPresent": 0,
		} {
			out.SummaryMap[name] = n
		}
		return nil
	})
	return out, err
}
