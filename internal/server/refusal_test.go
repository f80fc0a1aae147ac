package server_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// TestRefusalsAreRecorded lets a user without rights try what only others may.
func TestRefusalsAreRecorded(t *testing.T) {
	t.Parallel()
	s := servertest.Start(t)
	admin := iam.NewFromConfig(s.AWS())
	if _, err := admin.CreateUser(t.Context(), &iam.CreateUserInput{UserName: new("eve")}); err != nil {
		t.Fatal(err)
	}
	key, err := admin.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: new("eve")})
	if err != nil {
		t.Fatal(err)
	}
	eve := s.As(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	if _, err := iam.NewFromConfig(eve).AttachUserPolicy(t.Context(), &iam.AttachUserPolicyInput{
		UserName: new("eve"), PolicyArn: new("arn:aws:iam::aws:policy/AdministratorAccess"),
	}); err == nil {
		t.Fatal("eve is an administrator")
	}
	if _, err := dynamodb.NewFromConfig(eve).DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: new("models")}); err == nil {
		t.Fatal("eve may delete tables")
	}
	out, err := cloudtrail.NewFromConfig(s.AWS()).LookupEvents(t.Context(), &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyUsername, AttributeValue: new("eve")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Events) != 2 || *out.Events[0].EventName != "DeleteTable" || *out.Events[1].EventName != "AttachUserPolicy" {
		t.Errorf("recorded %+v", out.Events)
	}
}
