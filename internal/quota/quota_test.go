package quota_test

import (
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/quota"
)

func TestParse(t *testing.T) {
	t.Parallel()
	images := quota.Quota{Name: "ecr-images", Default: 5}
	tags := quota.Quota{Name: "ecr-tags", Default: 7}
	v, err := quota.Parse([]string{"ecr-images=0"}, []quota.Quota{images, tags})
	if err != nil || v.Of(images) != 0 || v.Of(tags) != 7 {
		t.Errorf("%v, %v", v, err)
	}
	for setting, want := range map[string]string{
		"ecr-images": "NAME=VALUE", "ecr-images=many": "NAME=VALUE", "ecr-images=-1": "NAME=VALUE", "images=1": "ecr-images, ecr-tags", "=1": "ecr-images, ecr-tags",
	} {
		if _, err := quota.Parse([]string{setting}, []quota.Quota{images, tags}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
