package rest

import (
	"net/http"
)

// operation is what a request asks for.
type operation struct {
	name string
	run  func(*exchange) error
}

// subresource is what the query of a request chooses, in the order in which they are looked
// for; the operations are by method.
type subresource struct {
	query      string
	operations map[string]operation
}

var objectSubresources = []subresource{
	{"tagging", map[string]operation{
		"GET": {"GetObjectTagging", (*exchange).getObjectTagging}, "PUT": {"PutObjectTagging", (*exchange).putObjectTagging},
		"DELETE": {"DeleteObjectTagging", (*exchange).deleteObjectTagging},
	}},
	{"attributes", map[string]operation{"GET": {"GetObjectAttributes", (*exchange).getObjectAttributes}}},
	{"acl", map[string]operation{"GET": {"GetObjectAcl", (*exchange).getObjectACL}, "PUT": {"PutObjectAcl", (*exchange).putObjectACL}}},
	{"uploads", map[string]operation{"POST": {"CreateMultipartUpload", (*exchange).createUpload}}},
	{"uploadId", map[string]operation{
		"GET": {"ListParts", (*exchange).listParts}, "POST": {"CompleteMultipartUpload", (*exchange).completeUpload},
		"DELETE": {"AbortMultipartUpload", (*exchange).abortUpload}, "PUT": {"UploadPart", (*exchange).uploadPart},
	}},
	{"retention", absent("ObjectRetention")}, {"legal-hold", absent("ObjectLegalHold")}, {"torrent", absent("ObjectTorrent")},
	{"restore", absent("RestoreObject")}, {"select", absent("SelectObjectContent")}, {"renameObject", absent("RenameObject")},
}

var bucketSubresources = []subresource{
	{"location", map[string]operation{"GET": {"GetBucketLocation", (*exchange).getBucketLocation}}},
	{"tagging", map[string]operation{
		"GET": {"GetBucketTagging", (*exchange).getBucketTagging}, "PUT": {"PutBucketTagging", (*exchange).putBucketTagging},
		"DELETE": {"DeleteBucketTagging", (*exchange).deleteBucketTagging},
	}},
	{"policy", map[string]operation{
		"GET": {"GetBucketPolicy", (*exchange).getBucketPolicy}, "PUT": {"PutBucketPolicy", (*exchange).putBucketPolicy},
		"DELETE": {"DeleteBucketPolicy", (*exchange).deleteBucketPolicy},
	}},
	{"ownershipControls", map[string]operation{
		"GET": {"GetBucketOwnershipControls", (*exchange).getOwnershipControls}, "PUT": {"PutBucketOwnershipControls", (*exchange).putOwnershipControls},
		"DELETE": {"DeleteBucketOwnershipControls", (*exchange).deleteOwnershipControls},
	}},
	{"policyStatus", map[string]operation{"GET": {"GetBucketPolicyStatus", (*exchange).getBucketPolicyStatus}}},
	{"acl", map[string]operation{"GET": {"GetBucketAcl", (*exchange).getBucketACL}, "PUT": {"PutBucketAcl", (*exchange).putBucketACL}}},
	{"uploads", map[string]operation{"GET": {"ListMultipartUploads", (*exchange).listUploads}}},
	{"versions", map[string]operation{"GET": {"ListObjectVersions", (*exchange).listVersions}}},
	{"delete", map[string]operation{"POST": {"DeleteObjects", (*exchange).deleteObjects}}},
}

// operation finds the operation that a request asks for.
func (x *exchange) operation() (operation, bool) {
	if x.at.Bucket == "" {
		if x.Method == http.MethodGet {
			return operation{"ListBuckets", (*exchange).listBuckets}, true
		}
		return operation{name: "unknown"}, false
	}
	subresources := bucketSubresources
	if x.at.Key != "" {
		subresources = objectSubresources
	}
	for _, s := range subresources {
		if x.has(s.query) {
			op, ok := s.operations[x.Method]
			if !ok {
				op = operation{name: "unknown"}
			}
			if op.name == "UploadPart" && x.Request.Header.Get("X-Amz-Copy-Source") != "" {
				op = operation{"UploadPartCopy", (*exchange).uploadPartCopy}
			}
			return op, ok
		}
	}
	if x.at.Key == "" {
		for _, s := range settings {
			if x.has(s.query) {
				return s.operation(x.Method)
			}
		}
		return x.onBucket()
	}
	return x.onObject()
}

func (x *exchange) onBucket() (operation, bool) {
	switch x.Method {
	case http.MethodPut:
		return operation{"CreateBucket", (*exchange).createBucket}, true
	case http.MethodHead:
		return operation{"HeadBucket", (*exchange).headBucket}, true
	case http.MethodDelete:
		return operation{"DeleteBucket", (*exchange).deleteBucket}, true
	case http.MethodGet:
		if x.form("list-type") == "2" {
			return operation{"ListObjects", (*exchange).listObjectsV2}, true
		}
		return operation{"ListObjects", (*exchange).listObjects}, true
	case http.MethodPost:
		return operation{"PostObject", absentRun("Uploads by forms of browsers are")}, true
	}
	return operation{name: "unknown"}, false
}

func (x *exchange) onObject() (operation, bool) {
	switch x.Method {
	case http.MethodPut:
		if x.Request.Header.Get("X-Amz-Copy-Source") != "" {
			return operation{"CopyObject", (*exchange).copyObject}, true
		}
		return operation{"PutObject", (*exchange).putObject}, true
	case http.MethodGet:
		return operation{"GetObject", (*exchange).getObject}, true
	case http.MethodHead:
		return operation{"HeadObject", (*exchange).getObject}, true
	case http.MethodDelete:
		return operation{"DeleteObject", (*exchange).deleteObject}, true
	}
	return operation{name: "unknown"}, false
}

// absent are the operations of a sub-resource that AWS has and this version has not.
func absent(name string) map[string]operation {
	all := map[string]operation{}
	for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
		all[method] = operation{name, absentRun("The operation " + name + " is")}
	}
	return all
}
