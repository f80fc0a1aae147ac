package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// entry is a version in the model catalog.
type entry struct {
	ModelID          string `dynamodbav:"ModelId"`
	ModelVersion     string
	CreationDate     string // RFC 3339, UTC
	ModelType        string
	ModelDescription string
	Accuracy         float64
	Image            string // with its digest
}

// registerVersion writes a version into the catalog, where nobody can overwrite it, and tries to.
func registerVersion(ctx context.Context, db *dynamodb.Client, p *platform, v *version, image string) error {
	e := entry{
		ModelID: modelID, ModelVersion: v.number, CreationDate: time.Now().UTC().Format(time.RFC3339),
		ModelType: "softmax-regression", ModelDescription: v.description, Accuracy: v.accuracy, Image: image,
	}
	write := func() (taken bool, err error) {
		item, err := attributevalue.MarshalMap(e)
		if err != nil {
			return false, err
		}
		_, err = db.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: &p.catalogTable, Item: item, ConditionExpression: new("attribute_not_exists(ModelId)"),
		})
		if _, taken = errors.AsType[*types.ConditionalCheckFailedException](err); taken {
			err = nil
		}
		return taken, err
	}
	switch taken, err := write(); {
	case err != nil:
		return fmt.Errorf("register %s: %w", v.number, err)
	case taken:
		say("%s %s: registered by an earlier run", modelID, v.number)
	default:
		say("%s %s: registered, as %s", modelID, v.number, image)
	}
	e.Accuracy = 1
	if taken, err := write(); err != nil || !taken {
		return fmt.Errorf("version %s could be overwritten: %w", v.number, err)
	}
	say("a second %s, said to be better: refused, the first one stands", v.number)
	return nil
}
