package dynamodb

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/modelwharf/modelwharf/internal/api"
	"github.com/modelwharf/modelwharf/internal/api/dynamodb"
	"github.com/modelwharf/modelwharf/internal/identity"
	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/tuple"
	"github.com/modelwharf/modelwharf/internal/wire/pagetoken"
)

// transfersListed is how many transfers a page has whose size nobody says.
const transfersListed = 10

// ListExports lists the exports of the last 90 days, also those under way, in the reverse
// order of their ARNs: of all tables of the account in the region, or of one table. As on
// AWS, those of a table that was dropped are only in the list of all.
func (s *Service) ListExports(ctx context.Context, in *dynamodb.ListExportsInput) (*dynamodb.ListExportsOutput, error) {
	var id string
	l, err := exports.listing(ctx, s, "ListExports", in.TableArn, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	if in.TableArn != nil {
		t, err := s.load(ctx, l.table)
		if err != nil {
			return nil, err
		}
		if t != nil {
			id = t.UUID
		}
	}
	out := &dynamodb.ListExportsOutput{ExportSummaries: []*dynamodb.ExportSummary{}}
	out.NextToken, err = l.read(ctx, s, func(n transferName, raw []byte) (bool, error) {
		var d dynamodb.ExportDescription
		if _, err := exports.decode(raw, &d); err != nil {
			return false, err
		}
		if in.TableArn != nil && *d.TableId != id {
			return false, nil
		}
		kind := d.ExportType
		if kind == nil {
			kind = new(fullExport)
		}
		out.ExportSummaries = append(out.ExportSummaries, &dynamodb.ExportSummary{ExportArn: d.ExportArn, ExportStatus: d.ExportStatus, ExportType: kind})
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// ListImports lists the imports of the last 90 days, also those under way, in the reverse
// order of their ARNs.
func (s *Service) ListImports(ctx context.Context, in *dynamodb.ListImportsInput) (*dynamodb.ListImportsOutput, error) {
	l, err := imports.listing(ctx, s, "ListImports", in.TableArn, in.PageSize, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ListImportsOutput{ImportSummaryList: []*dynamodb.ImportSummary{}}
	out.NextToken, err = l.read(ctx, s, func(n transferName, raw []byte) (bool, error) {
		var d dynamodb.ImportTableDescription
		if _, err := imports.decode(raw, &d); err != nil {
			return false, err
		}
		out.ImportSummaryList = append(out.ImportSummaryList, &dynamodb.ImportSummary{
			ImportArn: d.ImportArn, ImportStatus: d.ImportStatus, TableArn: d.TableArn, S3BucketSource: d.S3BucketSource,
			InputFormat: d.InputFormat, StartTime: d.StartTime, EndTime: d.EndTime,
		})
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// transferListing is a page of transfers that is asked for.
type transferListing struct {
	transferKind
	table  tableName // without a name it is all tables
	prefix []byte
	token  pagetoken.Listing
	last   []byte // the key after which the page begins, nil for the first
	limit  int
}

// listing checks what is asked for, and whether the caller may.
func (k transferKind) listing(ctx context.Context, s *Service, action string, arn *string, limit *int64, token *string) (l transferListing, err error) {
	req := api.RequestOf(ctx)
	l = transferListing{transferKind: k, table: tableName{account: req.Caller.Account, region: req.Region}, limit: transfersListed}
	resource := "*"
	l.prefix = k.of(l.table.account, l.table.region)
	l.token = pagetoken.Listing{Account: l.table.account, Region: l.table.region, Operation: "dynamodb:" + action}
	if limit != nil {
		l.limit = int(*limit)
	}
	if arn != nil {
		if l.table, err = nameOf(ctx, arn); err != nil {
			return l, err
		}
		resource, l.prefix, l.token.Parameters = l.table.arn(), k.ofTable(l.table), []byte(*arn)
		if l.table.account != req.Caller.Account {
			return l, api.AccessDeniedException("Access is denied")
		}
	}
	if err := s.identity.Authorize(ctx, identity.Check{Action: "dynamodb:" + action, Resource: resource}); err != nil {
		return l, err
	}
	if token == nil {
		return l, nil
	}
	id, err := s.openTransferToken(l.token, *token)
	if err != nil {
		return l, api.ValidationException("Invalid Request: Provided nextToken is invalid: %s", *token)
	}
	l.last = append(k.of(req.Caller.Account, req.Region), id...)
	return l, nil
}

// read hands the transfers of the page to add, which tells whether it lists one, and
// returns the token of the next page, nil if there is none.
func (l transferListing) read(ctx context.Context, s *Service, add func(n transferName, raw []byte) (bool, error)) (next *string, err error) {
	to := above(l.prefix)
	if l.last != nil {
		to = l.last
	}
	listed, now, all := 0, s.now(), len(l.of(l.table.account, l.table.region))
	var last []byte
	err = s.view(ctx, func(r kv.Reader) error {
		for p, err := range r.Scan(ctx, kv.Range{From: l.prefix, To: to, Reverse: true}) {
			if err != nil {
				return err
			}
			var rec transferRecord
			if err := json.Unmarshal(p.Val, &rec); err != nil {
				return fmt.Errorf("an %s: %w", l.word, err)
			}
			if rec.forgotten(now) {
				continue
			}
			if listed == l.limit {
				next = new(s.sealTransferToken(l.token, last))
				return nil
			}
			n, err := l.nameOfKey(p.Key)
			if err != nil {
				return err
			}
			ok, err := add(n, p.Val)
			if err != nil {
				return err
			}
			if ok {
				listed++
				last = append(last[:0], p.Key[all:]...)
			}
		}
		return nil
	})
	return next, err
}

// The tokens of these pages are hexadecimal, of 112 digits at least and a multiple of 16,
// as the service model has it of those of imports. A blank in a token fills up.

const (
	shortestTransferToken = 56 // bytes
	transferTokenUnit     = 8
)

func (s *Service) sealTransferToken(l pagetoken.Listing, position []byte) string {
	t := s.pages.Seal(l, position)
	n := max(len(t), shortestTransferToken)
	n += -n & (transferTokenUnit - 1)
	return hex.EncodeToString([]byte(t + strings.Repeat(" ", n-len(t))))
}

func (s *Service) openTransferToken(l pagetoken.Listing, token string) ([]byte, error) {
	b, err := hex.DecodeString(token)
	if err != nil {
		return nil, err
	}
	position, err := s.pages.Open(l, strings.TrimRight(string(b), " "))
	if err == nil {
		_, _, err = tuple.String(position)
	}
	return position, err
}
