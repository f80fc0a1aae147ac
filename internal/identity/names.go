package identity

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
)

// kind is a sort of holder of policies.
type kind string

const (
	rootKind  kind = "root" // an account's own identity; one, without a name
	userKind  kind = "user"
	groupKind kind = "group"
	roleKind  kind = "role"
)

// idPrefix is how the unique ids of a kind begin. See
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html.
var idPrefix = map[kind]string{userKind: "AIDA", groupKind: "AGPA", roleKind: "AROA"}

// resourceType is a kind's name in the audit records.
func (k kind) resourceType() string {
	switch k {
	case userKind:
		return "AWS::IAM::User"
	case groupKind:
		return "AWS::IAM::Group"
	case roleKind:
		return "AWS::IAM::Role"
	}
	return "AWS::IAM::Account"
}

const (
	longTermKey  = "AKIA"
	temporaryKey = "ASIA"
	policyID     = "ANPA"
	awsPolicy    = "arn:aws:iam::aws:policy/"
)

func iamARN(account, what string) string { return "arn:aws:iam::" + account + ":" + what }

func rootARN(account string) string { return iamARN(account, "root") }

// sessionARN is who acts in a session of a role.
func sessionARN(account, role, session string) string {
	return "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + session
}

// newID returns a unique id: the prefix and 17 characters of base 32.
func newID(prefix string) string { return prefix + rand.Text()[:17] }

// newAccessKeyID returns an id of 20 characters. As on AWS, the account is in it:
// of its 80 bits the first is 1, the next 40 are the account's number.
// GetAccessKeyInfo reads it back.
func newAccessKeyID(prefix, account string) (string, error) {
	n, err := strconv.ParseUint(account, 10, 40)
	if err != nil {
		return "", err
	}
	var b [10]byte
	rand.Read(b[:])
	head := 1<<63 | n<<23 | binary.BigEndian.Uint64(b[:])&(1<<23-1)
	binary.BigEndian.PutUint64(b[:], head)
	return prefix + base32.StdEncoding.EncodeToString(b[:]), nil
}

// accountOfKey reads the account out of an access key's id.
func accountOfKey(id string) (string, bool) {
	if len(id) != 20 {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(id[4:])
	if err != nil || b[0]&0x80 == 0 {
		return "", false
	}
	n := binary.BigEndian.Uint64(b) << 1 >> 24
	if n > 999_999_999_999 {
		return "", false
	}
	s := strconv.FormatUint(n, 10)
	return strings.Repeat("0", 12-len(s)) + s, true
}

// newSecret returns a secret access key: 40 characters that hold 240 random bits.
func newSecret() string {
	var b [30]byte
	rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

// validAccount tells whether id is an account's number.
func validAccount(id string) bool {
	if len(id) != 12 {
		return false
	}
	for _, c := range id {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// arnParts is an IAM ARN taken apart: arn:aws:iam::ACCOUNT:KIND/PATH/NAME.
type arnParts struct{ account, kind, path, name string }

// parseARN takes an IAM ARN apart. The path begins and ends with '/'.
func parseARN(arn string) (arnParts, bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	if !ok {
		return arnParts{}, false
	}
	account, rest, ok := strings.Cut(rest, ":")
	if !ok || !validAccount(account) && account != "aws" {
		return arnParts{}, false
	}
	if rest == "root" {
		return arnParts{account, "root", "/", ""}, true
	}
	k, rest, ok := strings.Cut(rest, "/")
	if !ok {
		return arnParts{}, false
	}
	i := strings.LastIndexByte(rest, '/') + 1
	if rest[i:] == "" {
		return arnParts{}, false
	}
	return arnParts{account, k, "/" + rest[:i], rest[i:]}, true
}
