package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// TestGracefulStop asks the server to stop under load: it ends with status 0, and
// what it acknowledged is there after the next start.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := startOn(t, data)
	makeTable(t, s, "stop")
	client := s.tables(func(o *dynamodb.Options) { o.RetryMaxAttempts = 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	begun := make(chan struct{}, 64)
	var working sync.WaitGroup
	acknowledged := make([]string, 8)
	for w := range acknowledged {
		working.Go(func() {
			for n := 0; ; n++ {
				value := time.Now().Format(time.RFC3339Nano)
				_, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("stop"), Item: map[string]types.AttributeValue{
					"id": &types.AttributeValueMemberS{Value: string(rune('a' + w))}, "value": &types.AttributeValueMemberS{Value: value},
				}})
				if err != nil {
					return
				}
				acknowledged[w] = value
				if n == 10 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range acknowledged {
		<-begun
	}
	if err := s.stop(t); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	working.Wait()
	s = startOn(t, data)
	for w, value := range acknowledged {
		got, err := s.tables().GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("stop"), Key: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: string(rune('a' + w))},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if v, ok := got.Item["value"].(*types.AttributeValueMemberS); !ok || v.Value < value {
			t.Errorf("writer %d: %v, want at least %s", w, got.Item, value)
		}
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	out, err := exec.CommandContext(t.Context(), binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "in use") || !strings.Contains(string(out), s.data) {
		t.Errorf("%v: %s", err, out)
	}
	s.lives(t)
}

// TestTLS serves a certificate of its own to clients that trust it, over HTTP/2 too.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	pool := writeCertificate(t, certFile, keyFile)
	s := start(t, "--tls-cert", certFile, "--tls-key", keyFile)
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("the server is at %s", s.url)
	}
	for _, h2 := range []bool{false, true} {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(!h2)
		protocols.SetHTTP2(h2)
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, Protocols: protocols}}
		res, err := client.Get(s.url + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if want := map[bool]int{false: 1, true: 2}[h2]; res.ProtoMajor != want || res.StatusCode != http.StatusOK {
			t.Errorf("%s %s, want HTTP/%d", res.Proto, res.Status, want)
		}
	}
	command := s.aws(t)
	command.env = append(command.env, "AWS_CA_BUNDLE="+certFile)
	command.run("dynamodb", "list-tables")
}

// writeCertificate makes a certificate of 127.0.0.1 and returns a pool that trusts it.
func writeCertificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool.AppendCertsFromPEM(cert)
	for name, text := range map[string][]byte{certFile: cert, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

// TestProgramCommands runs the program's commands beside a running server.
func TestProgramCommands(t *testing.T) {
	t.Parallel()
	s := start(t)
	makeTable(t, s, "commands")
	s.command(t, "health")
	if out, err := exec.CommandContext(t.Context(), binary, "version").Output(); err != nil || !strings.HasPrefix(string(out), "modelwharf ") {
		t.Errorf("version: %q %v", out, err)
	}
	var account struct{ ID, AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal([]byte(s.command(t, "account create", "team", "--json")), &account); err != nil || account.SecretAccessKey == "" {
		t.Fatalf("%+v %v", account, err)
	}
	if out := s.command(t, "account list"); !strings.Contains(out, account.ID) || !strings.Contains(out, "team") {
		t.Errorf("account list: %s", out)
	}
	if out := s.command(t, "audit", "--action", "CreateTable", "--since", "1h"); !strings.Contains(out, "dynamodb:CreateTable") || !strings.Contains(out, "table/commands") {
		t.Errorf("audit: %s", out)
	}
	var event struct{ Action, RequestID string }
	out := s.command(t, "audit", "--json", "--resource", "commands", "--limit", "1")
	if err := json.Unmarshal([]byte(out), &event); err != nil || event.Action != "dynamodb:CreateTable" || len(event.RequestID) != 52 {
		t.Errorf("audit --json: %s %v", out, err)
	}
	if out := s.command(t, "audit", "--caller", "nobody"); strings.Contains(out, "dynamodb:") {
		t.Errorf("audit of nobody: %s", out)
	}
	if out, err := s.try(t.Context(), "audit", "--since", "yesterday"); err == nil || !strings.Contains(out, "--since") {
		t.Errorf("a bad time: %s", out)
	}

	file := filepath.Join(t.TempDir(), "backup")
	s.command(t, "backup", file)
	if out, err := s.try(t.Context(), "backup", file); err == nil || !strings.Contains(out, "exists already") {
		t.Errorf("a backup over another: %v %s", err, out)
	}
	copied := &server{data: filepath.Join(t.TempDir(), "copy")}
	copied.command(t, "restore", file, "--secret-key-file", filepath.Join(s.data, "secret.key"))
	restored := startOn(t, copied.data)
	if out, err := restored.tables().ListTables(t.Context(), &dynamodb.ListTablesInput{}); err != nil || len(out.TableNames) != 1 {
		t.Errorf("restored: %v %v", out, err)
	}
	if err := restored.stop(t); err != nil {
		t.Error(err)
	}
	if out, err := restored.try(t.Context(), "health"); err == nil || !strings.Contains(out, "no server is running") {
		t.Errorf("health without a server: %v %s", err, out)
	}
}

// TestFirstStart runs the program with no keys given: it makes them, tells nobody
// but the credentials file, and an AWS client takes them from there.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "new")
	cmd := exec.Command(binary, "serve")
	s, err := launch(cmd, data, "MODELWHARF_DATA="+data, "MODELWHARF_LISTEN=127.0.0.1:0", "MODELWHARF_LOG_LEVEL=info")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	credentials := filepath.Join(data, "credentials")
	info, err := os.Stat(credentials)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	text, err := os.ReadFile(credentials)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(string(text)), "aws_secret_access_key = ")
	if secret == "" || strings.Contains(s.log.String(), secret) {
		t.Error("the secret is in the log")
	}
	command := s.aws(t)
	command.env = append(cleanEnv(), "AWS_ENDPOINT_URL="+s.url, "AWS_DEFAULT_REGION="+region, "AWS_SHARED_CREDENTIALS_FILE="+credentials, "AWS_CONFIG_FILE=/dev/null")
	if who := command.run("sts", "get-caller-identity"); at(t, who, "Arn") != "arn:aws:iam::000000000000:root" {
		t.Errorf("caller %v", who)
	}
}
