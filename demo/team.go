package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// member is a user with a key of its own.
type member struct {
	arn string
	cfg aws.Config // of its clients
}

// admit makes a user with a policy, and a new key for it in the place of an earlier run's.
func admit(ctx context.Context, cfg aws.Config, name, policy string) (*member, error) {
	users := iam.NewFromConfig(cfg)
	if _, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil && !isCode(err, "EntityAlreadyExists") {
		return nil, err
	}
	if _, err := users.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("Demo"), PolicyDocument: &policy}); err != nil {
		return nil, err
	}
	old, err := users.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: &name})
	if err != nil {
		return nil, err
	}
	for _, k := range old.AccessKeyMetadata {
		if _, err := users.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: &name, AccessKeyId: k.AccessKeyId}); err != nil {
			return nil, err
		}
	}
	key, err := users.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &name})
	if err != nil {
		return nil, err
	}
	user, err := users.GetUser(ctx, &iam.GetUserInput{UserName: &name})
	if err != nil {
		return nil, err
	}
	own := cfg.Copy()
	own.Credentials = credentials.NewStaticCredentialsProvider(*key.AccessKey.AccessKeyId, *key.AccessKey.SecretAccessKey, "")
	return &member{*user.User.Arn, own}, nil
}

// What users may: to look into the catalog, which tells of products to those alone who are
// admitted to them; and to launch from it, which takes no more, and to ask what was launched.
const (
	mayLook   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"servicecatalog:*","Resource":"*"}]}`
	mayLaunch = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["servicecatalog:*","sagemaker:InvokeEndpoint"],"Resource":"*"}]}`
)
