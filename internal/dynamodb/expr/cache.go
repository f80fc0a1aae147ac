package expr

import (
	"strings"
	"sync"
)

// grammar is the language of an expression.
type grammar uint8

const (
	conditionGrammar grammar = iota
	updateGrammar
	projectionGrammar
)

// parse returns the tree of an expression, or the fault that it has by itself.
func parse(g grammar, text string) (*tree, error) {
	if t := parsed.get(g, text); t != nil {
		return t, nil
	}
	switch {
	case text == "":
		return nil, fault("The expression can not be empty;")
	case len(text) > maxExpressionSize:
		return nil, faultf("Expression size has exceeded the maximum allowed size; expression size: %d", len(text))
	}
	// A tree keeps parts of its text, which may itself be a part of a request's body.
	text = strings.Clone(text)
	t, err := parseNew(g, text)
	if err != nil {
		return nil, err
	}
	parsed.put(g, text, t)
	return t, nil
}

func parseNew(g grammar, text string) (*tree, error) {
	var p *parser
	var err error
	switch g {
	case updateGrammar:
		p = newParser(text, updateKeywords)
		err = p.update()
	case projectionGrammar:
		p = newParser(text, projectionKeywords)
		err = p.projection()
	default:
		p = newParser(text, conditionKeywords)
		err = p.condition()
	}
	if err != nil {
		return nil, err
	}
	if err := p.tree.vet(); err != nil {
		return nil, err
	}
	if err := checkOperators(p.operators); err != nil {
		return nil, err
	}
	return p.tree, nil
}

func checkOperators(n int) error {
	if n > maxOperators {
		return faultf("The expression contains too many operators; operator count: %d", n)
	}
	return nil
}

const (
	maxCachedTrees = 1024
	maxCachedText  = 512 // bytes; with the tree, some 16 KB at the most
)

// parsed holds the trees of the expressions that programs send again and again.
var parsed = treeCache{trees: map[source]*tree{}}

type source struct {
	grammar grammar
	text    string
}

// treeCache is a bounded cache. When it is full, any tree makes place for a new
// one: which one matters little, as a hit saves a microsecond or two.
type treeCache struct {
	mu    sync.RWMutex
	trees map[source]*tree
}

func (c *treeCache) get(g grammar, text string) *tree {
	if len(text) > maxCachedText {
		return nil
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.trees[source{g, text}]
}

func (c *treeCache) put(g grammar, text string, t *tree) {
	if len(text) > maxCachedText {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.trees) >= maxCachedTrees {
		for s := range c.trees {
			delete(c.trees, s)
			break
		}
	}
	c.trees[source{g, text}] = t
}
