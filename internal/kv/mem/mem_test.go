package mem_test

import (
	"testing"

	"github.com/modelwharf/modelwharf/internal/kv"
	"github.com/modelwharf/modelwharf/internal/kv/kvtest"
	"github.com/modelwharf/modelwharf/internal/kv/mem"
)

func TestEngine(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kvtest.Medium {
		engine := mem.New()
		return func() (kv.Engine, error) { return engine, nil }
	})
}
