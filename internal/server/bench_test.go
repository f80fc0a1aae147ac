package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/modelwharf/modelwharf/internal/server"
	"github.com/modelwharf/modelwharf/internal/server/servertest"
)

// BenchmarkGetItem is all that a read of 1 KB costs behind net/http: signature,
// decoding, policy, store, answer, metrics; with and without the access log.
func BenchmarkGetItem(b *testing.B) {
	for name, level := range map[string]slog.Level{"log=info": slog.LevelInfo, "log=warn": slog.LevelWarn} {
		b.Run(name, func(b *testing.B) {
			log, flush := server.NewLog(io.Discard, level, server.LogJSON)
			defer flush()
			s := servertest.Start(b, func(c *server.Config) { c.Log = log })
			client := dynamodb.NewFromConfig(s.AWS())
			if _, err := client.CreateTable(b.Context(), &dynamodb.CreateTableInput{
				TableName: aws.String("items"), BillingMode: types.BillingModePayPerRequest,
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("id"), AttributeType: types.ScalarAttributeTypeS}},
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("id"), KeyType: types.KeyTypeHash}},
			}); err != nil {
				b.Fatal(err)
			}
			if _, err := client.PutItem(b.Context(), &dynamodb.PutItemInput{TableName: aws.String("items"), Item: map[string]types.AttributeValue{
				"id":    &types.AttributeValueMemberS{Value: "1"},
				"value": &types.AttributeValueMemberS{Value: string(bytes.Repeat([]byte("x"), 1000))},
			}}); err != nil {
				b.Fatal(err)
			}
			body := []byte(`{"TableName":"items","Key":{"id":{"S":"1"}},"ConsistentRead":true}`)
			req := httptest.NewRequest(http.MethodPost, s.URL()+"/", nil)
			req.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
			req.Header.Set("Content-Type", "application/x-amz-json-1.0")
			req.ContentLength = int64(len(body))
			sum := sha256.Sum256(body)
			if err := v4.NewSigner().SignHTTP(b.Context(), aws.Credentials{AccessKeyID: servertest.AccessKeyID, SecretAccessKey: servertest.Secret},
				req, hex.EncodeToString(sum[:]), "dynamodb", servertest.Region, time.Now()); err != nil {
				b.Fatal(err)
			}
			handler := s.Handler()
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				req.Body = io.NopCloser(bytes.NewReader(body))
				clear(w.header)
				handler.ServeHTTP(w, req)
				if w.status != http.StatusOK {
					b.Fatal(w.status, string(w.body))
				}
			}
		})
	}
}

// sink takes an answer and keeps nothing of it but the last.
type sink struct {
	header http.Header
	status int
	body   []byte
}

func (s *sink) Header() http.Header    { return s.header }
func (s *sink) WriteHeader(status int) { s.status = status }
func (s *sink) Write(p []byte) (int, error) {
	s.body = append(s.body[:0], p...)
	return len(p), nil
}
