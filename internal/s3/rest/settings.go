package rest

import (
	"errors"
	"io"
	"net/http"

	"github.com/modelwharf/modelwharf/internal/s3"
)

// setting is a sub-resource of a bucket that no bucket here has. Reading it gives AWS's
// answer of a bucket without it, deleting it changes nothing, and setting it is refused.
type setting struct {
	query string
	name  string // of the operations: "BucketCors" of GetBucketCors
	// action is what policy is asked: "BucketCORS" of s3:GetBucketCORS; the name, if "".
	action string
	what   string // of the refusal
	// root is the element that answers a read, empty or with content; without one the
	// answer is the error of code.
	root    string
	content any
	code    string
	message string
}

var settings = []setting{
	{query: "versioning", name: "BucketVersioning", what: "Versions of objects are", root: "VersioningConfiguration", content: struct{}{}},
	{query: "cors", name: "BucketCors", action: "BucketCORS", what: "CORS is", code: "NoSuchCORSConfiguration", message: "The CORS configuration does not exist"},
	{query: "website", name: "BucketWebsite", what: "Websites are", code: "NoSuchWebsiteConfiguration", message: "The specified bucket does not have a website configuration"},
	{query: "logging", name: "BucketLogging", what: "Access logs in buckets are", root: "BucketLoggingStatus", content: struct{}{}},
	{query: "lifecycle", name: "BucketLifecycleConfiguration", action: "LifecycleConfiguration", what: "Lifecycle rules are", code: "NoSuchLifecycleConfiguration", message: "The lifecycle configuration does not exist"},
	{query: "encryption", name: "BucketEncryption", action: "EncryptionConfiguration", what: "Server-side encryption is", code: "ServerSideEncryptionConfigurationNotFoundError", message: "The server side encryption configuration was not found"},
	{query: "object-lock", name: "ObjectLockConfiguration", action: "BucketObjectLockConfiguration", what: "Object lock is", code: "ObjectLockConfigurationNotFoundError", message: "Object Lock configuration does not exist for this bucket"},
	{query: "replication", name: "BucketReplication", action: "ReplicationConfiguration", what: "Replication of buckets is", code: "ReplicationConfigurationNotFoundError", message: "The replication configuration was not found"},
	{query: "requestPayment", name: "BucketRequestPayment", what: "Payment by the requester is", root: "RequestPaymentConfiguration", content: struct{ Payer string }{"BucketOwner"}},
	{query: "accelerate", name: "BucketAccelerateConfiguration", action: "AccelerateConfiguration", what: "Acceleration is", root: "AccelerateConfiguration", content: struct{}{}},
	{query: "publicAccessBlock", name: "PublicAccessBlock", action: "BucketPublicAccessBlock", what: "Public access blocks are", code: "NoSuchPublicAccessBlockConfiguration", message: "The public access block configuration was not found"},
	{query: "notification", name: "BucketNotificationConfiguration", action: "BucketNotification", what: "Notifications are", root: "NotificationConfiguration", content: struct{}{}},
	{query: "intelligent-tiering", name: "BucketIntelligentTieringConfiguration", action: "IntelligentTieringConfiguration", what: "Intelligent tiering is", code: "NoSuchConfiguration", message: "The specified configuration does not exist."},
	{query: "inventory", name: "BucketInventoryConfiguration", action: "InventoryConfiguration", what: "Inventories are", code: "NoSuchConfiguration", message: "The specified configuration does not exist."},
	{query: "analytics", name: "BucketAnalyticsConfiguration", action: "AnalyticsConfiguration", what: "Analytics are", code: "NoSuchConfiguration", message: "The specified configuration does not exist."},
	{query: "metrics", name: "BucketMetricsConfiguration", action: "MetricsConfiguration", what: "Metrics of buckets in CloudWatch are", code: "NoSuchConfiguration", message: "The specified configuration does not exist."},
}

func (s *setting) operation(method string) (operation, bool) {
	verb := map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[method]
	if verb == "" {
		return operation{name: "unknown"}, false
	}
	action := s.name
	if s.action != "" {
		action = s.action
	}
	if verb == "Delete" && s.query != "website" {
		verb = "Put" // as S3's actions are
	}
	return operation{map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[method] + s.name, func(x *exchange) error {
		if _, err := x.s.Setting(x.ctx, verb+action, x.at.Bucket); err != nil {
			return err
		}
		switch method {
		case http.MethodGet:
			if s.root != "" {
				return x.write(s.root, s.content)
			}
			return s3.Refuse(s.code, http.StatusNotFound, "%s", s.message)
		case http.MethodPut:
			return x.set(s)
		}
		x.WriteHeader(http.StatusNoContent)
		return nil
	}}, true
}

// set accepts a setting that is so already, and refuses every other.
func (x *exchange) set(s *setting) error {
	if s.query == "requestPayment" {
		var in struct{ Payer string }
		if err := x.read("RequestPaymentConfiguration", &in); err != nil {
			return err
		}
		if in.Payer == "BucketOwner" {
			x.WriteHeader(http.StatusOK)
			return nil
		}
	}
	return s3.NotImplemented(s.what)
}

// absentRun refuses an operation.
func absentRun(what string) func(*exchange) error {
	return func(*exchange) error { return s3.NotImplemented(what) }
}

type grants struct {
	Owner             *owner
	AccessControlList struct{ Grant grant }
}

type grant struct {
	Grantee struct {
		Namespace string `xml:"xmlns:xsi,attr"`
		Type      string `xml:"xsi:type,attr"`
		ID        string
	}
	Permission string
}

// writeACL answers with the only list that there is: the bucket's owner may do everything.
func (x *exchange) writeACL(account string) error {
	out := grants{Owner: ownerOf(account)}
	g := &out.AccessControlList.Grant
	g.Grantee.Namespace, g.Grantee.Type, g.Grantee.ID = "http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser", out.Owner.ID
	g.Permission = "FULL_CONTROL"
	return x.write("AccessControlPolicy", out)
}

func (x *exchange) getBucketACL() error {
	b, err := x.s.Setting(x.ctx, "GetBucketAcl", x.at.Bucket)
	if err != nil {
		return err
	}
	return x.writeACL(b.Account)
}

func (x *exchange) putBucketACL() error {
	if _, err := x.s.Setting(x.ctx, "PutBucketAcl", x.at.Bucket); err != nil {
		return err
	}
	return x.putACL()
}

// putACL accepts the canned lists that say what is so already.
func (x *exchange) putACL() error {
	if n, err := x.Body.Read(make([]byte, 1)); n > 0 || err != nil && !errors.Is(err, io.EOF) || x.Request.Header.Get("X-Amz-Acl") == "" {
		return noACL()
	}
	if err := x.checkACL(); err != nil {
		return err
	}
	x.WriteHeader(http.StatusOK)
	return nil
}

func (x *exchange) getObjectACL() error {
	account, err := x.s.ObjectOwner(x.ctx, "GetObjectAcl", x.at)
	if err != nil {
		return err
	}
	return x.writeACL(account)
}

func (x *exchange) putObjectACL() error {
	if _, err := x.s.ObjectOwner(x.ctx, "PutObjectAcl", x.at); err != nil {
		return err
	}
	return x.putACL()
}

func (x *exchange) getBucketPolicy() error {
	document, err := x.s.GetBucketPolicy(x.ctx, x.at.Bucket)
	if err != nil {
		return err
	}
	x.Writer.Header().Set("Content-Type", "application/json")
	x.WriteHeader(http.StatusOK)
	_, _ = x.Writer.Write([]byte(document))
	return nil
}

func (x *exchange) putBucketPolicy() error {
	b, err := x.document()
	if err != nil {
		return err
	}
	if err := x.s.PutBucketPolicy(x.ctx, x.at.Bucket, string(b)); err != nil {
		return err
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}

func (x *exchange) deleteBucketPolicy() error {
	if err := x.s.DeleteBucketPolicy(x.ctx, x.at.Bucket); err != nil {
		return err
	}
	x.WriteHeader(http.StatusNoContent)
	return nil
}
