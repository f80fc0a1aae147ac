package dynamodb

import (
	"context"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
)

// tableName is the full name of a table.
type tableName struct {
	account, region, name string
}

// arn is the table's Amazon resource name.
func (n tableName) arn() string {
	return "arn:aws:dynamodb:" + n.region + ":" + n.account + ":table/" + n.name
}

// nameOf reads a TableName parameter: a name, which is one of the caller's own
// account and region, or a table's ARN.
func nameOf(ctx context.Context, param *string) (tableName, error) {
	req := api.RequestOf(ctx)
	if param == nil {
		return tableName{}, api.ValidationException("The parameter 'TableName' is required but was not present in the request")
	}
	if !strings.HasPrefix(*param, "arn:") {
		if err := checkTableName(*param); err != nil {
			return tableName{}, err
		}
		return tableName{req.Caller.Account, req.Region, *param}, nil
	}
	return nameOfARN(req.Region, *param)
}

// nameOfARN reads a table's ARN. Tables of another region are not reached from
// here, whatever the ARN says.
func nameOfARN(region, arn string) (tableName, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 {
		return tableName{}, api.ValidationException("1 validation error detected: Valid ARN format is arn:aws:dynamodb:<region>:<account>:table/<name>, but was '%s'", arn)
	}
	kind, name, _ := strings.Cut(part[5], "/")
	switch {
	case part[1] != "aws":
		return tableName{}, api.ValidationException("1 validation error detected: Invalid AWS partition in '%s'", arn)
	case part[2] != "dynamodb" || kind != "table" || strings.Contains(name, "/") || !isAccount(part[4]):
		return tableName{}, api.ValidationException("1 validation error detected: Invalid resource type in '%s'", arn)
	case part[3] != region:
		return tableName{}, api.ValidationException("1 validation error detected: Invalid AWS region in '%s'", arn)
	}
	if err := checkTableName(name); err != nil {
		return tableName{}, err
	}
	return tableName{part[4], part[3], name}, nil
}

// tableOfARN is the table that an ARN of one, or of its stream or index, names. It is
// for ARNs that are known to be right.
func tableOfARN(arn string) tableName {
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 {
		return tableName{}
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(part[5], "table/"), "/")
	return tableName{part[4], part[3], name}
}

// checkTableName is what the service model no longer says of a name since the
// parameter may also be an ARN.
func checkTableName(name string) error {
	var v api.Violations
	switch {
	case len(name) < 3:
		v.Add("tableName", "'"+name+"'", "Member must have length greater than or equal to 3")
	case len(name) > 255:
		v.Add("tableName", "'"+name+"'", "Member must have length less than or equal to 255")
	}
	if strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.')
	}) {
		v.Add("tableName", "'"+name+"'", "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+")
	}
	return v.Err()
}

func isAccount(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}
