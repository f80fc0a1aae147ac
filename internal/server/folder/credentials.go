package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// AccessKey is an access key's id and secret.
type AccessKey struct{ ID, Secret string }

// Profile returns the key as a profile of AWS's credentials file.
func (k AccessKey) Profile(name string) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", name, k.ID, k.Secret)
}

// WriteCredentials keeps the administrator's key for those who may read the folder.
func (f *Folder) WriteCredentials(k AccessKey) error {
	return writeFile(f.Credentials(), []byte(k.Profile("default")))
}

// ReadCredentials returns the key of the default profile, and whether there is one.
func (f *Folder) ReadCredentials() (AccessKey, bool, error) {
	text, err := os.ReadFile(f.Credentials())
	if errors.Is(err, fs.ErrNotExist) {
		return AccessKey{}, false, nil
	}
	if err != nil {
		return AccessKey{}, false, err
	}
	var k AccessKey
	profile := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			profile = strings.Trim(line, "[] ")
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		switch value = strings.TrimSpace(value); {
		case profile != "default":
		case strings.TrimSpace(name) == "aws_access_key_id":
			k.ID = value
		case strings.TrimSpace(name) == "aws_secret_access_key":
			k.Secret = value
		}
	}
	return k, k.ID != "" && k.Secret != "", nil
}
