package login

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// maven gets a server, a mirror of everything, and a profile with the repository, since Maven
// asks no repository for snapshots that does not say that it has some.
func maven(u User, r Repository) []change {
	return []change{{path: filepath.Join(u.Home, ".m2", "settings.xml"), apply: func(old []byte) ([]byte, error) {
		if len(bytes.TrimSpace(old)) == 0 {
			old = []byte("<settings>\n</settings>\n")
		}
		for _, e := range []element{
			{list: "servers", name: "server", content: []string{"<id>" + entry + "</id>", "<username>aws</username>", "<password>" + escaped(r.Token) + "</password>"}},
			{list: "mirrors", name: "mirror", first: true, content: []string{"<id>" + entry + "</id>", "<mirrorOf>*</mirrorOf>", "<url>" + escaped(r.Endpoint) + "</url>"}},
			{list: "profiles", name: "profile", content: []string{
				"<id>" + entry + "</id>", "<repositories>", "  <repository>", "    <id>" + entry + "</id>", "    <url>" + escaped(r.Endpoint) + "</url>",
				"    <snapshots><enabled>true</enabled></snapshots>", "  </repository>", "</repositories>",
			}},
			{list: "activeProfiles", name: "activeProfile"},
		} {
			var err error
			if old, err = e.in(old); err != nil {
				return nil, err
			}
		}
		return old, nil
	}}}
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

// element is one of a list of settings.xml that is known by its id.
type element struct {
	list, name string
	first      bool     // before all others: Maven takes the first mirror that fits
	content    []string // its lines; if there are none, its id is all that it has
}

// in returns settings with the element in place of the one of its id, or beside the others.
// All other bytes stay.
func (e element) in(old []byte) ([]byte, error) {
	root, err := parseXML(old)
	if err != nil {
		return nil, err
	}
	if root.name != "settings" {
		return nil, fmt.Errorf("its root is <%s> and not <settings>", root.name)
	}
	list := root.child(e.list)
	if list == nil {
		whole := "  <" + e.list + ">\n" + e.text() + "  </" + e.list + ">\n"
		if root.selfClosed() {
			return root.opened(old, whole), nil
		}
		return splice(old, root.innerEnd, root.innerEnd, whole), nil
	}
	for _, c := range list.children {
		id := c.text
		if of := c.child("id"); of != nil {
			id = of.text
		}
		if c.name == e.name && strings.TrimSpace(id) == entry {
			return splice(old, c.start, c.end, strings.TrimSpace(e.text())), nil
		}
	}
	switch {
	case list.selfClosed():
		return list.opened(old, e.text()+"  "), nil
	case e.first:
		return splice(old, list.innerStart, list.innerStart, "\n"+strings.TrimSuffix(e.text(), "\n")), nil
	}
	at := list.innerEnd
	if n := len(list.children); n > 0 {
		at = list.children[n-1].end
	}
	return splice(old, at, at, "\n"+strings.TrimSuffix(e.text(), "\n")), nil
}

func (e element) text() string {
	if len(e.content) == 0 {
		return "    <" + e.name + ">" + entry + "</" + e.name + ">\n"
	}
	return "    <" + e.name + ">\n      " + strings.Join(e.content, "\n      ") + "\n    </" + e.name + ">\n"
}

func splice(old []byte, from, to int64, with string) []byte {
	return append(append(append([]byte(nil), old[:from]...), with...), old[to:]...)
}

// node is an element of a document, and where its bytes are.
type node struct {
	name                 string
	text                 string // its own
	start, end           int64
	innerStart, innerEnd int64
	children             []*node
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

func (n *node) selfClosed() bool { return n.innerStart == n.end }

// opened is the text with something inside of the element, which has no closing tag yet.
func (n *node) opened(text []byte, content string) []byte {
	tag := strings.TrimRight(strings.TrimSuffix(string(text[n.start:n.end]), "/>"), " \t\r\n")
	return splice(text, n.start, n.end, tag+">\n"+content+"</"+n.name+">")
}

func parseXML(b []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	var root *node
	var open []*node
	for {
		before := d.InputOffset()
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := &node{name: t.Name.Local, start: before, innerStart: d.InputOffset()}
			if len(open) > 0 {
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			} else if root == nil {
				root = n
			}
			open = append(open, n)
		case xml.EndElement:
			n := open[len(open)-1]
			n.innerEnd, n.end = before, d.InputOffset()
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].text += string(t)
			}
		}
	}
	if root == nil {
		return nil, errors.New("it has no element")
	}
	return root, nil
}

// gradle gets properties that PasswordCredentials of a repository of this name look for, and
// the URL.
func gradle(u User, r Repository) []change {
	home := u.Getenv("GRADLE_USER_HOME")
	if home == "" {
		home = filepath.Join(u.Home, ".gradle")
	}
	return []change{{path: filepath.Join(home, "gradle.properties"), apply: func(old []byte) ([]byte, error) {
		l := linesOf(old, "=:")
		for _, p := range [][2]string{{"Url", r.Endpoint}, {"Username", "aws"}, {"Password", r.Token}} {
			l.set("", entry+p[0], "=", p[1])
		}
		return l.bytes(), nil
	}}}
}
