package lambda

import (
	"context"
	"regexp"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/lambda"
)

// latest is the only version that functions have here.
const latest = "$LATEST"

// maxName is the longest name of a function, in characters.
const maxName = 64

// functionName is the full name of a function, maybe of a version of it.
type functionName struct {
	account, region, name string
	qualifier             string // "" for none
}

// arn is the function's Amazon resource name, without a qualifier.
func (n functionName) arn() string {
	return "arn:aws:lambda:" + n.region + ":" + n.account + ":function:" + n.name
}

// qualified is the ARN with the qualifier, if there is one.
func (n functionName) qualified() string {
	if n.qualifier == "" {
		return n.arn()
	}
	return n.arn() + ":" + n.qualifier
}

var (
	accountForm = regexp.MustCompile(`^\d{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z]+(-[a-z]+)+-\d$`)
)

// nameOf reads a FunctionName parameter, which is a name, a part of an ARN, or an ARN,
// each with a qualifier or without, and a Qualifier parameter. See
// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html.
func nameOf(ctx context.Context, param, qualifier *string) (functionName, error) {
	n, err := parseName(ctx, *param)
	if err != nil {
		return n, err
	}
	if q := text(qualifier); q != "" {
		if n.qualifier != "" && n.qualifier != q {
			return n, lambda.InvalidParameterValueException("The derived qualifier from the function name does not match the specified qualifier.")
		}
		n.qualifier = q
	}
	return n, nil
}

func parseName(ctx context.Context, param string) (functionName, error) {
	r := api.RequestOf(ctx)
	n := functionName{account: r.Caller.Account, region: r.Region}
	rest := param
	if arn, ok := strings.CutPrefix(rest, "arn:"); ok {
		_, after, _ := strings.Cut(arn, ":lambda:")
		rest = after
	}
	part := strings.Split(rest, ":")
	if len(part) > 1 && regionForm.MatchString(part[0]) {
		n.region, part = part[0], part[1:]
	}
	if len(part) > 1 && accountForm.MatchString(part[0]) {
		n.account, part = part[0], part[1:]
	}
	if len(part) > 1 && part[0] == "function" {
		part = part[1:]
	}
	n.name = part[0]
	if len(part) > 1 {
		n.qualifier = part[1]
	}
	switch {
	case len(n.name) > maxName:
		return n, api.ValidationException("1 validation error detected: Value '%s' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to %d", param, maxName)
	case n.region != r.Region:
		return n, lambda.ResourceNotFoundException("Functions from '%s' are not reachable in this region ('%s')", n.region, r.Region)
	}
	return n, nil
}

// checkVersion refuses a version or an alias, of which there are none.
func (n functionName) checkVersion() error {
	if n.qualifier != "" && n.qualifier != latest {
		return noFunction(n)
	}
	return nil
}

func noFunction(n functionName) error {
	return lambda.ResourceNotFoundException("Function not found: %s", n.qualified())
}

// text is the string that a parameter holds, "" for none.
func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// orElse is what a parameter holds, or what stands for none.
func orElse[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
