package login

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// npm gets the registry, for all packages or those of a scope, and the token for it in the
// user's .npmrc. pnpm reads the same.
func npm(u User, r Repository) []change { return []change{npmrc(u, r, false)} }

func npmrc(u User, r Repository, always bool) change {
	path := u.elsewhere([]string{"npm_config_userconfig", "NPM_CONFIG_USERCONFIG"}, ".npmrc")
	return change{path: path, apply: func(old []byte) ([]byte, error) {
		l := linesOf(old, "=")
		registry := "registry"
		if r.Namespace != "" {
			registry = r.Namespace + ":registry"
		}
		l.set("", registry, "=", r.Endpoint)
		l.set("", r.bare()+":_authToken", "=", r.Token)
		if always { // yarn 1 otherwise logs in for scoped packages alone
			l.set("", r.bare()+":always-auth", "=", "true")
			if r.Namespace == "" {
				l.set("", "always-auth", "=", "true")
			}
		}
		return l.bytes(), nil
	}}
}

// yarn 1 reads .npmrc, yarn 2 and later .yarnrc.yml.
func yarn(u User, r Repository) []change {
	return []change{npmrc(u, r, true), {path: filepath.Join(u.Home, ".yarnrc.yml"), apply: func(old []byte) ([]byte, error) {
		var doc yaml.Node
		if err := yaml.NewDecoder(bytes.NewReader(old)).Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if doc.Kind == 0 {
			doc = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode}}}
		}
		root := doc.Content[0]
		if root.Tag == "!!null" { // comments alone
			*root = yaml.Node{Kind: yaml.MappingNode, HeadComment: root.HeadComment, FootComment: root.FootComment}
		}
		if root.Kind != yaml.MappingNode {
			return nil, errors.New("it is no mapping of settings")
		}
		if err := berry(root, r); err != nil {
			return nil, err
		}
		var out bytes.Buffer
		e := yaml.NewEncoder(&out)
		e.SetIndent(2)
		err := errors.Join(e.Encode(&doc), e.Close())
		return out.Bytes(), err
	}}}
}

// berry sets what modern yarn wants to know.
func berry(root *yaml.Node, r Repository) error {
	u, err := url.Parse(r.Endpoint)
	if err != nil {
		return err
	}
	if u.Scheme == "http" {
		hosts, err := member(root, "unsafeHttpWhitelist", yaml.SequenceNode)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(hosts.Content, func(n *yaml.Node) bool { return n.Value == u.Hostname() }) {
			hosts.Content = append(hosts.Content, &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: u.Hostname()})
		}
	}
	at := root
	if r.Namespace != "" {
		if at, err = member(root, "npmScopes", yaml.MappingNode); err == nil {
			at, err = member(at, strings.TrimPrefix(r.Namespace, "@"), yaml.MappingNode)
		}
		// A scope has yarn's default age of packages otherwise, whatever is set for all.
		const age = "npmMinimalAgeGate"
		if all := find(root, age); err == nil && all != nil && find(at, age) == nil {
			err = set(at, age, all)
		}
	}
	if err == nil {
		err = set(at, "npmRegistryServer", r.Endpoint)
	}
	if err != nil {
		return err
	}
	registries, err := member(root, "npmRegistries", yaml.MappingNode)
	if err != nil {
		return err
	}
	// Yarn looks a registry up without the slash at its end.
	registry, err := member(registries, strings.TrimSuffix(r.bare(), "/"), yaml.MappingNode)
	if err != nil {
		return err
	}
	return errors.Join(set(registry, "npmAlwaysAuth", true), set(registry, "npmAuthToken", r.Token))
}

// set gives a key of a mapping a value.
func set(mapping *yaml.Node, key string, value any) error {
	n, err := member(mapping, key, yaml.ScalarNode)
	if err != nil {
		return err
	}
	comment := n.LineComment
	if err := n.Encode(value); err != nil {
		return err
	}
	n.LineComment = comment
	return nil
}

// find returns the value of a key of a mapping, nil if it has none.
func find(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// member returns the value of a key of a mapping, a new one of that kind if it has none.
func member(mapping *yaml.Node, key string, kind yaml.Kind) (*yaml.Node, error) {
	v := find(mapping, key)
	if v == nil {
		v = &yaml.Node{Kind: kind}
		mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, v)
	}
	if v.Tag == "!!null" {
		*v = yaml.Node{Kind: kind}
	}
	if v.Kind != kind {
		return nil, fmt.Errorf("line %d: %s has a value of another kind", v.Line, key)
	}
	return v, nil
}
