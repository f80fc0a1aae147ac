package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/modelwharf/modelwharf/internal/server/control"
)

type audit struct {
	dataFolder
	Since    string `help:"From this time on: RFC 3339, a date, or how long ago (90m, 36h, 7d)." placeholder:"TIME"`
	Until    string `help:"Before this time." placeholder:"TIME"`
	Caller   string `help:"By this caller: an ARN, a user's name, an access key." placeholder:"WHO"`
	Action   string `help:"Of this action: CreateTable, dynamodb:Create*." placeholder:"ACTION"`
	Resource string `help:"On this resource: an ARN or a name, '*' and '?' are wildcards." placeholder:"WHAT"`
	Account  string `help:"In this account; in all by default." placeholder:"DIGITS"`
	Region   string `help:"In this region." placeholder:"REGION"`
	Items    bool   `help:"Include changes of items, not only of tables and identities."`
	Limit    uint   `help:"Show so many events at the most, 0 for all." default:"100"`
	JSON     bool   `name:"json" help:"Print one JSON object a line, with everything that is recorded."`
}

func (c *audit) Run(ctx context.Context) error {
	now := time.Now()
	from, err := parseTime(c.Since, now)
	if err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	to, err := parseTime(c.Until, now)
	if err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	q := control.AuditQuery{
		From: from, To: to, Account: c.Account, Region: c.Region, Caller: c.Caller, Action: c.Action,
		Resource: c.Resource, Data: c.Items,
	}
	print, done := eventTable()
	if c.JSON {
		print, done = eventLines()
	}
	client := control.NewClient(c.Data)
	for shown := uint(0); c.Limit == 0 || shown < c.Limit; {
		if q.Limit = 1000; c.Limit > 0 {
			q.Limit = int(min(1000, c.Limit-shown))
		}
		page, err := client.Audit(ctx, q)
		if err != nil {
			return err
		}
		for i := range page.Events {
			if err := print(&page.Events[i]); err != nil {
				return err
			}
		}
		shown += uint(len(page.Events))
		if q.Page = page.Next; q.Page == "" {
			break
		}
	}
	return done()
}

func eventTable() (print func(*control.Event) error, done func() error) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tACTION\tCALLER\tFROM\tRESOURCES")
	return func(e *control.Event) error {
		var arns []string
		for _, r := range e.Resources {
			arns = append(arns, r.ARN)
		}
		action := e.Action
		if e.ErrorCode != "" {
			action += " (" + e.ErrorCode + ")"
		}
		_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Time.Format(time.RFC3339), action, e.Caller, e.SourceIP, strings.Join(arns, " "))
		return err
	}, w.Flush
}

func eventLines() (print func(*control.Event) error, done func() error) {
	lines := json.NewEncoder(os.Stdout)
	lines.SetEscapeHTML(false)
	return func(e *control.Event) error { return lines.Encode(e) }, func() error { return nil }
}

// parseTime reads a time, or how long before now one was; "" is the zero time.
func parseTime(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	var days int
	if _, err := fmt.Sscanf(s, "%dd", &days); err == nil && s == fmt.Sprintf("%dd", days) {
		return now.AddDate(0, 0, -days), nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a time, such as 2026-03-01T12:00:00Z or 2026-03-01, nor how long ago, such as 36h or 7d", s)
}
