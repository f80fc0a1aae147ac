package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// keepFor is how long a prediction may be answered from the cache.
const keepFor = time.Hour

// predictor answers questions to one model version through the prediction cache.
type predictor struct {
	db      *dynamodb.Client
	table   string
	version *version
	// generation is new with every promotion and part of every key, so that no
	// answer of what was live before can be served.
	generation []byte
}

func newPredictor(db *dynamodb.Client, table string, v *version) *predictor {
	generation := make([]byte, 16)
	rand.Read(generation)
	return &predictor{db, table, v, generation}
}

// predict returns the model's answer to a question and whether it was in the cache.
func (p *predictor) predict(ctx context.Context, question []float64) (answer []byte, hit bool, err error) {
	id := p.id(question)
	now := time.Now()
	// The sort key is the time of expiry: rows past it are not asked for.
	found, err := p.db.Query(ctx, &dynamodb.QueryInput{
		TableName:                &p.table,
		KeyConditionExpression:   new("predictionId = :id AND #expiry > :now"),
		ExpressionAttributeNames: map[string]string{"#expiry": "timestamp"},
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":id":  &types.AttributeValueMemberS{Value: id},
			":now": seconds(now),
		},
		ScanIndexForward: new(false),
		Limit:            new(int32(1)),
		ConsistentRead:   new(true),
	})
	if err != nil {
		return nil, false, err
	}
	if len(found.Items) == 1 {
		body, ok := found.Items[0]["body"].(*types.AttributeValueMemberB)
		if !ok {
			return nil, false, fmt.Errorf("prediction %s has no body", id)
		}
		return body.Value, true, nil
	}

	probabilities := p.version.model.predict(question)
	answer, err = json.Marshal(map[string]any{
		"species":       species[slices.Index(probabilities, slices.Max(probabilities))],
		"probabilities": probabilities,
		"model":         modelID + ":" + p.version.number,
	})
	if err != nil {
		return nil, false, err
	}
	_, err = p.db.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &p.table,
		Item: map[string]types.AttributeValue{
			"predictionId": &types.AttributeValueMemberS{Value: id},
			"timestamp":    seconds(now.Add(keepFor)),
			"createdAt":    seconds(now),
			"model":        &types.AttributeValueMemberS{Value: modelID + ":" + p.version.number},
			"contentType":  &types.AttributeValueMemberS{Value: "application/json"},
			"body":         &types.AttributeValueMemberB{Value: answer},
		},
	})
	return answer, false, err
}

// id is the SHA-256 of everything that the answer depends on, each part with its
// length in front, so that no two questions share one.
func (p *predictor) id(question []float64) string {
	var b []byte
	for _, part := range [][]byte{[]byte(modelID), []byte(p.version.number), p.generation} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	for _, x := range question {
		b = strconv.AppendFloat(b, x, 'g', -1, 64)
		b = append(b, ',')
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func seconds(t time.Time) *types.AttributeValueMemberN {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(t.Unix(), 10)}
}

// predictTwice asks for every held-out row twice. The first time no answer may
// come from the cache, the second time each must, byte for byte the same.
func predictTwice(ctx context.Context, db *dynamodb.Client, table string, v *version) error {
	p := newPredictor(db, table, v)
	// Equal flowers are one question.
	questions := make(map[string]flower)
	for _, f := range v.heldOut {
		questions[p.id(f.features)] = f
	}
	answers := make(map[string][]byte)
	pass := func(wantHit bool) (median time.Duration, right int, err error) {
		var took []time.Duration
		for id, f := range questions {
			start := time.Now()
			answer, hit, err := p.predict(ctx, f.features)
			if err != nil {
				return 0, 0, err
			}
			took = append(took, time.Since(start))
			if hit != wantHit {
				return 0, 0, fmt.Errorf("prediction %s: from the cache: %t, expected %t", id, hit, wantHit)
			}
			if wantHit && !bytes.Equal(answer, answers[id]) {
				return 0, 0, fmt.Errorf("prediction %s: the cache answers %s, the model answered %s", id, answer, answers[id])
			}
			answers[id] = answer
			var said struct{ Species string }
			if err := json.Unmarshal(answer, &said); err != nil {
				return 0, 0, err
			}
			if said.Species == species[f.class] {
				right++
			}
		}
		slices.Sort(took)
		return took[len(took)/2], right, nil
	}
	miss, right, err := pass(false)
	if err != nil {
		return err
	}
	say("%d different questions: %d right, all misses, median %v (look up, compute, write durably)", len(questions), right, miss.Round(time.Microsecond))
	hit, _, err := pass(true)
	if err != nil {
		return err
	}
	say("the same again: the same answers, all hits,   median %v (look up)", hit.Round(time.Microsecond))
	return nil
}
