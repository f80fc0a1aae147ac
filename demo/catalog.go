package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

const modelID = "iris-species"

// modelVersion is an item of the model catalog.
type modelVersion struct {
	ModelID          string `dynamodbav:"ModelId"`
	ModelVersion     string
	CreationDate     string // RFC 3339, UTC
	ModelType        string
	ModelDescription string
	Accuracy         float64 // share of the held-out rows that it gets right
	HeldOutRows      int
	Model            *softmax
}

// errVersionTaken says that the catalog has this version already.
var errVersionTaken = errors.New("the version is in the catalog already")

// register writes a version, which nobody can overwrite: the condition and the
// write are one.
func register(ctx context.Context, db *dynamodb.Client, v *modelVersion) error {
	item, err := attributevalue.MarshalMap(v)
	if err != nil {
		return err
	}
	_, err = db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:           new(catalogTable),
		Item:                item,
		ConditionExpression: new("attribute_not_exists(ModelId)"),
	})
	if _, taken := errors.AsType[*types.ConditionalCheckFailedException](err); taken {
		return errVersionTaken
	}
	return err
}

// versions returns the versions of the model in order.
func versions(ctx context.Context, db *dynamodb.Client) ([]*modelVersion, error) {
	var found []*modelVersion
	pages := dynamodb.NewQueryPaginator(db, &dynamodb.QueryInput{
		TableName:                 new(catalogTable),
		KeyConditionExpression:    new("ModelId = :id"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":id": &types.AttributeValueMemberS{Value: modelID}},
		ConsistentRead:            new(true),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			v := new(modelVersion)
			if err := attributevalue.UnmarshalMap(item, v); err != nil {
				return nil, err
			}
			found = append(found, v)
		}
	}
	return found, nil
}

// trainAndRegister trains the versions and puts each into the catalog with the
// accuracy that it really has on rows it has not seen.
func trainAndRegister(ctx context.Context, db *dynamodb.Client) error {
	rows, heldOut, err := loadIris()
	if err != nil {
		return err
	}
	say("%d flowers to learn from, %d held out", len(rows), len(heldOut))
	for _, plan := range []struct {
		version, description string
		settings             settings
	}{
		{"1.0", "the sepals alone", settings{Features: []int{0, 1}, Epochs: 200, LearningRate: 0.1}},
		{"1.1", "all measurements, briefly trained", settings{Features: []int{0, 1, 2, 3}, Epochs: 20, LearningRate: 0.1}},
		{"2.0", "all measurements, trained to the end", settings{Features: []int{0, 1, 2, 3}, Epochs: 2000, LearningRate: 0.5, L2: 0.001}},
	} {
		m := train(rows, plan.settings)
		v := &modelVersion{
			ModelID:          modelID,
			ModelVersion:     plan.version,
			CreationDate:     time.Now().UTC().Format(time.RFC3339),
			ModelType:        "softmax-regression",
			ModelDescription: plan.description,
			Accuracy:         m.accuracy(heldOut),
			HeldOutRows:      len(heldOut),
			Model:            m,
		}
		switch err := register(ctx, db, v); {
		case errors.Is(err, errVersionTaken):
			say("%s %s: registered by an earlier run", v.ModelID, v.ModelVersion)
		case err != nil:
			return fmt.Errorf("register %s: %w", v.ModelVersion, err)
		default:
			say("%s %s: registered, held-out accuracy %.2f (%s)", v.ModelID, v.ModelVersion, v.Accuracy, v.ModelDescription)
		}
	}
	return nil
}

// proveImmutable tries to overwrite a version and fails unless that is refused
// and the version is as it was.
func proveImmutable(ctx context.Context, db *dynamodb.Client) error {
	before, err := versions(ctx, db)
	if err != nil {
		return err
	}
	forged := *before[0]
	forged.Accuracy = 1
	if err := register(ctx, db, &forged); !errors.Is(err, errVersionTaken) {
		return fmt.Errorf("overwriting %s answered %v", forged.ModelVersion, err)
	}
	after, err := versions(ctx, db)
	if err != nil {
		return err
	}
	if after[0].Accuracy != before[0].Accuracy || after[0].CreationDate != before[0].CreationDate {
		return fmt.Errorf("version %s has changed", forged.ModelVersion)
	}
	say("a second %s with another accuracy: refused, the first one stands", forged.ModelVersion)
	return nil
}

// pickBest lists the versions in order and returns the most accurate one.
func pickBest(ctx context.Context, db *dynamodb.Client) (*modelVersion, error) {
	all, err := versions(ctx, db)
	if err != nil {
		return nil, err
	}
	if len(all) < 3 {
		return nil, fmt.Errorf("the catalog has %d versions of %s, not 3", len(all), modelID)
	}
	best := all[0]
	for i, v := range all {
		if i > 0 && all[i-1].ModelVersion >= v.ModelVersion {
			return nil, fmt.Errorf("versions are out of order: %s before %s", all[i-1].ModelVersion, v.ModelVersion)
		}
		if v.Accuracy > best.Accuracy {
			best = v
		}
		say("%s  %s  accuracy %.2f  %s", v.ModelVersion, v.CreationDate, v.Accuracy, v.ModelDescription)
	}
	say("best: %s", best.ModelVersion)
	return best, nil
}

// weightsOf is the model of a version as the programs that serve it read it.
func weightsOf(v *modelVersion) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"Version": v.ModelVersion, "Species": species, "Features": v.Model.Settings.Features,
		"Mean": v.Model.Mean, "Scale": v.Model.Scale, "Weights": v.Model.Weights,
	}, "", "  ")
}
