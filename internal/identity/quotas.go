package identity

// IAM's quotas, as an account has them by default. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html.
const (
	usersPerAccount    = 5000
	groupsPerAccount   = 300
	rolesPerAccount    = 1000
	policiesPerAccount = 1500

	accessKeysPerUser = 2
	groupsPerUser     = 10
	attachedPerHolder = 10
	versionsPerPolicy = 5
	tagsPerResource   = 50
	managedPolicySize = 6144 // characters that are not white space, as all sizes of policies
	trustPolicySize   = 2048
	userInlineSize    = 2048 // of all inline policies of one user together
	groupInlineSize   = 5120
	roleInlineSize    = 10240
	sessionPolicySize = 2048
	sessionPolicyARNs = 10
	sessionTags       = 50
)

// perAccount is how many of a kind an account may have, and the quota's name.
var perAccount = map[kind]struct {
	quota string
	n     int
}{
	userKind:  {"UsersPerAccount", usersPerAccount},
	groupKind: {"GroupsPerAccount", groupsPerAccount},
	roleKind:  {"RolesPerAccount", rolesPerAccount},
}

// attachedQuota is the name of the quota of managed policies.
var attachedQuota = map[kind]string{
	userKind: "PoliciesPerUser", groupKind: "PoliciesPerGroup", roleKind: "PoliciesPerRole",
}

var inlineSize = map[kind]int{userKind: userInlineSize, groupKind: groupInlineSize, roleKind: roleInlineSize}
