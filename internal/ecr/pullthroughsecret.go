package ecr

import (
	"encoding/json"
	"os"
	"strings"
)

// Secret is what a pull through cache rule's upstream is asked with. On AWS it lies in
// Secrets Manager, as username and accessToken; here the operator of the server keeps it.
type Secret struct {
	// Upstream is the host, and the port if there is one, that may be told of it: a rule
	// that names another one does not get it.
	Upstream    string `json:"upstream"`
	Username    string `json:"username"`
	AccessToken string `json:"accessToken"`
}

// SecretsFile reads secrets from a JSON file, by the ARNs that rules name them by in
// credentialArn. The file is read at each use, so what is changed in it holds at once.
func SecretsFile(path string) func(arn string) (*Secret, error) {
	return func(arn string) (*Secret, error) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, failed("UnableToAccessSecretException", "The secret is unable to be accessed. Verify the resource permissions for the secret and try again.").Because(err)
		}
		var all map[string]*Secret
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, failed("UnableToDecryptSecretValueException", "The secret is accessible but is unable to be decrypted. Verify the resource permissions and try again.").Because(err)
		}
		return all[arn], nil
	}
}

// secretOf returns the secret of a rule whose upstream is at host, nil if it names none.
// The errors are SecretNotFoundException, UnableToAccessSecretException for one that is
// another upstream's, and UnableToDecryptSecretValueException.
func (s *Service) secretOf(r *cacheRule, host string) (*Secret, error) {
	if r.CredentialARN == "" {
		return nil, nil
	}
	var found *Secret
	if s.pulls.secrets != nil {
		var err error
		if found, err = s.pulls.secrets(r.CredentialARN); err != nil {
			return nil, err
		}
	}
	switch {
	case found == nil:
		return nil, failed("SecretNotFoundException", "The ARN of the secret specified in the pull through cache rule was not found. Update the pull through cache rule with a valid secret ARN and try again.")
	case !strings.EqualFold(found.Upstream, host):
		return nil, failed("UnableToAccessSecretException", "The secret is unable to be accessed: it is for another upstream registry than '%s'.", host)
	case found.Username == "" || found.AccessToken == "":
		return nil, failed("UnableToDecryptSecretValueException", "The secret must have a username and an accessToken.")
	}
	return found, nil
}
