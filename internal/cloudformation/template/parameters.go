package template

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parameter is a parameter as a template declares it.
type Parameter struct {
	Name, Type            string
	Description           string
	Default               *string
	NoEcho                bool
	AllowedValues         []string
	AllowedPattern        string
	ConstraintDescription string
	MinLength, MaxLength  *int
	MinValue, MaxValue    *big.Rat

	pattern *regexp.Regexp // of the whole value
}

// Masked is what is shown instead of the value of a parameter that has NoEcho.
const Masked = "****"

var attributesOfParameter = []string{
	"Type", "Description", "Default", "NoEcho", "AllowedValues", "AllowedPattern", "ConstraintDescription",
	"MinLength", "MaxLength", "MinValue", "MaxValue",
}

func (t *Template) readParameters(n *Node) error {
	parameters, err := members("Parameters", "Parameter", n, maxParameters)
	if err != nil {
		return err
	}
	for _, f := range parameters {
		p, err := readParameter(f.Name, f.Value)
		if err != nil {
			return err
		}
		t.Parameters = append(t.Parameters, p)
	}
	return nil
}

func readParameter(name string, n *Node) (*Parameter, error) {
	if n.Kind != Map {
		return nil, failed("Template format error: Any Parameters member must be a map.")
	}
	p := &Parameter{Name: name}
	for _, f := range n.Fields {
		if !slices.Contains(attributesOfParameter, f.Name) {
			return nil, failed("Invalid template parameter property '%s'", f.Name)
		}
		if err := p.readAttribute(f.Name, f.Value); err != nil {
			return nil, err
		}
	}
	if p.Type == "" {
		return nil, failed("Template format error: Every Parameters object must contain a Type member.")
	}
	if err := p.checkConstraints(); err != nil {
		return nil, err
	}
	if p.Default != nil {
		if err := p.check(*p.Default); err != nil {
			return nil, failed("Template format error: Parameter '%s' has an invalid Default: %s", name, err)
		}
	}
	return p, nil
}

func (p *Parameter) readAttribute(name string, v *Node) error {
	if name == "AllowedValues" {
		if v.Kind != List || len(v.Items) == 0 {
			return failed("Template format error: Every AllowedValues member must be a list of at least one value.")
		}
		for _, item := range v.Items {
			if item.Kind != Text {
				return failed("Template format error: Every AllowedValues value must be a string.")
			}
			p.AllowedValues = append(p.AllowedValues, item.Text)
		}
		return nil
	}
	if v.Kind != Text {
		return failed("Template format error: Every %s member must be a string.", name)
	}
	switch name {
	case "Type":
		if !knownParameterType(v.Text) {
			return failed("Template format error: Unrecognized parameter type: %s", v.Text)
		}
		p.Type = v.Text
	case "Description":
		if len(v.Text) > 4000 {
			return failed("Template format error: 'Description' length is greater than 4000")
		}
		p.Description = v.Text
	case "Default":
		p.Default = &v.Text
	case "NoEcho":
		p.NoEcho = v.isTrue()
	case "ConstraintDescription":
		p.ConstraintDescription = v.Text
	case "AllowedPattern":
		p.AllowedPattern = v.Text
		var err error
		if p.pattern, err = regexp.Compile(`\A(?:` + v.Text + `)\z`); err != nil {
			return failed("Template format error: AllowedPattern of parameter '%s' is no regular expression of the kind known here (RE2, which has no look-around and no back-references): %s", p.Name, err)
		}
	case "MinLength", "MaxLength":
		i, err := strconv.Atoi(v.Text)
		if err != nil || i < 0 {
			return failed("Template format error: Every %s member must be a whole number.", name)
		}
		if name == "MinLength" {
			p.MinLength = &i
		} else {
			p.MaxLength = &i
		}
	case "MinValue", "MaxValue":
		r, ok := parseNumber(v.Text)
		if !ok {
			return failed("Template format error: Every %s member must be a number.", name)
		}
		if name == "MinValue" {
			p.MinValue = r
		} else {
			p.MaxValue = r
		}
	}
	return nil
}

// knownParameterType tells whether there are parameters of a type. Those that name things
// of other AWS services cannot be checked here, so they are unknown.
func knownParameterType(t string) bool {
	return slices.Contains([]string{"String", "Number", "CommaDelimitedList", "List<Number>", "List<String>"}, t)
}

// parseNumber reads a decimal number; bounded, since 1e999999999 would take all memory.
func parseNumber(s string) (*big.Rat, bool) {
	if len(s) > 64 {
		return nil, false
	}
	if f, err := strconv.ParseFloat(s, 64); err != nil || f > 1e300 || f < -1e300 || strings.ContainsAny(s, "_xXpP") {
		return nil, false
	} else if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 400 || e < -400 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(s)
}

func (p *Parameter) checkConstraints() error {
	misplaced := func(name, kind string) error {
		return failed("Template error: Parameter '%s' %s must be on a parameter of type %s", p.Name, name, kind)
	}
	text, numeric := p.Type == "String", p.Type == "Number" || p.Type == "List<Number>"
	switch {
	case !text && p.MinLength != nil:
		return misplaced("MinLength", "String")
	case !text && p.MaxLength != nil:
		return misplaced("MaxLength", "String")
	case numeric && p.AllowedPattern != "":
		return misplaced("AllowedPattern", "String")
	case !numeric && p.MinValue != nil:
		return misplaced("MinValue", "Number")
	case !numeric && p.MaxValue != nil:
		return misplaced("MaxValue", "Number")
	case p.MinLength != nil && p.MaxLength != nil && *p.MinLength > *p.MaxLength:
		return failed("Template error: Parameter '%s' MinLength must be less than MaxLength.", p.Name)
	case p.MinValue != nil && p.MaxValue != nil && p.MinValue.Cmp(p.MaxValue) > 0:
		return failed("Template error: Parameter '%s' MinValue must be less than MaxValue.", p.Name)
	}
	return nil
}

// list tells whether the parameter's value is a list.
func (p *Parameter) list() bool {
	return p.Type == "CommaDelimitedList" || strings.HasPrefix(p.Type, "List<")
}

// elements are the values in a list's text; spaces around them mean nothing.
func elements(text string) []string {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(part)
	}
	return parts
}

// value is what a Ref to the parameter gives.
func (p *Parameter) value(text string) *Node {
	if p.list() {
		return NewTexts(elements(text)...)
	}
	return NewText(text)
}

// check tells whether a value keeps the parameter's constraints.
func (p *Parameter) check(text string) error {
	if len(text) > maxParameter {
		return failed("Parameter '%s' must not be longer than %d bytes", p.Name, maxParameter)
	}
	values := []string{text}
	if p.list() {
		values = elements(text)
	}
	for _, v := range values {
		if why := p.wrong(v); why != "" {
			if p.ConstraintDescription != "" {
				return failed("Parameter '%s' failed to satisfy constraint: %s", p.Name, p.ConstraintDescription)
			}
			return failed("Parameter '%s' %s", p.Name, why)
		}
	}
	return nil
}

// wrong says what is wrong with one value, "" if nothing is.
func (p *Parameter) wrong(v string) string {
	if p.AllowedValues != nil && !slices.Contains(p.AllowedValues, v) {
		return "must be one of AllowedValues"
	}
	if p.Type == "Number" || p.Type == "List<Number>" {
		r, ok := parseNumber(v)
		switch {
		case !ok:
			return "must be a number"
		case p.MinValue != nil && r.Cmp(p.MinValue) < 0:
			return "must be a number not less than " + decimal(p.MinValue)
		case p.MaxValue != nil && r.Cmp(p.MaxValue) > 0:
			return "must be a number not greater than " + decimal(p.MaxValue)
		}
	}
	length := utf8.RuneCountInString(v)
	switch {
	case p.MinLength != nil && length < *p.MinLength:
		return "must contain at least " + strconv.Itoa(*p.MinLength) + " characters"
	case p.MaxLength != nil && length > *p.MaxLength:
		return "must contain at most " + strconv.Itoa(*p.MaxLength) + " characters"
	case p.pattern != nil && !p.pattern.MatchString(v):
		return "must match pattern " + p.AllowedPattern
	}
	return ""
}

func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// Values gives the parameters their values: those given, else their defaults. The errors
// are those of AWS: all without a value at once, then all that the template does not
// have, then the first that breaks a constraint.
func (t *Template) Values(given map[string]string) (map[string]string, error) {
	values := make(map[string]string, len(t.Parameters))
	var missing, unknown []string
	for _, p := range t.Parameters {
		v, ok := given[p.Name]
		switch {
		case ok:
			values[p.Name] = v
		case p.Default != nil:
			values[p.Name] = *p.Default
		default:
			missing = append(missing, p.Name)
		}
	}
	if missing != nil {
		return nil, failed("Parameters: [%s] must have values", strings.Join(missing, ", "))
	}
	for name := range given {
		if _, ok := values[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		return nil, failed("Parameters: [%s] do not exist in the template", strings.Join(unique(unknown), ", "))
	}
	for _, p := range t.Parameters {
		if err := p.check(values[p.Name]); err != nil {
			return nil, err
		}
	}
	return values, nil
}
