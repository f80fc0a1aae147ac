package partiql_test

import (
	"strings"
	"testing"
)

// TestLimits refuses what would cost more than an expression may.
func TestLimits(t *testing.T) {
	t.Parallel()
	where := `SELECT * FROM t WHERE `
	for name, c := range map[string]struct{ statement, want string }{
		"operators":     {where + "a = 1" + strings.Repeat(" OR a = 1", 150), "The expression contains too many operators; operator count: 301"},
		"additions":     {"UPDATE t SET a = 1" + strings.Repeat(" + 1", 301) + " WHERE pk = 'a' AND sk = 1", "The expression contains too many operators; operator count: 301"},
		"operands":      {where + "a IN (0" + strings.Repeat(", 1", 100) + ")", "The IN operator is provided with too many operands; number of operands: 101"},
		"parentheses":   {where + strings.Repeat("(", 65) + "a = 1" + strings.Repeat(")", 65), "Statement wasn't well formed, can't be processed: Expression is nested too deeply"},
		"negations":     {where + strings.Repeat("NOT ", 65) + "a = 1", "Statement wasn't well formed, can't be processed: Expression is nested too deeply"},
		"lists":         {where + "a = " + strings.Repeat("[", 65) + strings.Repeat("]", 65), "Statement wasn't well formed, can't be processed: Expression is nested too deeply"},
		"maps in lists": {where + "a = " + strings.Repeat("[{'k': ", 16) + "1" + strings.Repeat("}]", 16), "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"},
		"length":        {strings.Repeat(" ", 4*8192) + where, "Statement wasn't well formed, can't be processed: Statement is too long"},
		"path":          {where + "a" + strings.Repeat(".b", 32) + " = 1", "The document path has too many nesting levels; nesting levels: 33"},
		"number":        {where + "a = 1" + strings.Repeat("0", 200), "Number overflow. Attempting to store a number with magnitude larger than supported range"},
	} {
		if got := result(c.statement, nil, nil); got != c.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := result(where+"a = 1"+strings.Repeat(" OR a = 1", 149), nil, nil); !strings.HasPrefix(got, "scan t") {
		t.Errorf("within the limits: %s", got)
	}
}
