package server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	dynamo "github.com/modelwharf/modelwharf/internal/dynamodb"
	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/control"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestAuditItems writes an item to servers of each setting: the item's record is left
// out if asked for, that of the table never.
func TestAuditItems(t *testing.T) {
	t.Parallel()
	for setting, want := range map[dynamo.AuditData]int{"": 1, dynamo.AuditWrites: 1, dynamo.AuditNone: 0} {
		t.Run("setting="+string(setting), func(t *testing.T) {
			t.Parallel()
			s := servertest.Start(t, func(c *server.Config) { c.AuditItems = setting })
			client := dynamodb.NewFromConfig(s.AWS())
			makeTable(t, client, "models")
			if _, err := client.PutItem(t.Context(), &dynamodb.PutItemInput{
				TableName: aws.String("models"),
				Item:      map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "1"}},
			}); err != nil {
				t.Fatal(err)
			}
			for action, want := range map[string]int{"dynamodb:CreateTable": 1, "dynamodb:PutItem": want} {
				page, err := control.NewClient(s.Data).Audit(t.Context(), control.AuditQuery{Action: action, Data: true})
				if err != nil || len(page.Events) != want {
					t.Errorf("%s left %d records, want %d (%v)", action, len(page.Events), want, err)
				}
			}
		})
	}
}
