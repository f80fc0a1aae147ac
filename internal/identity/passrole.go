package identity

// CheckPassRole is what a service asks before it lets another use a role: may the
// caller pass it on to a service, such as "sagemaker.amazonaws.com"?
func CheckPassRole(roleARN, service string) Check {
	return Check{Action: "iam:PassRole", Resource: roleARN, Conditions: map[string][]string{"iam:PassedToService": {service}}}
}
