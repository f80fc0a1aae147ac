package sagemaker

import (
	"regexp"
	goruntime "runtime"
	"strconv"
	"strings"
)

// limits are what an instance may use.
type limits struct {
	cpus   float64
	memory int64 // bytes
}

var instanceSize = regexp.MustCompile(`^ml\.([a-z]+)[0-9][a-z0-9-]*\.([0-9]*)(medium|large|xlarge)$`)

// limits are those of a variant's type of instance, as far as the machine has them: its
// processors by its size, 2 to a "large" and 4 to an "xlarge", and its memory by its family.
// See "Amazon SageMaker pricing" for the figures of each type.
func (v *variant) limits() limits {
	if v.Serverless != nil {
		// A virtual processor comes with each 1,769 MB, as those of Lambda do.
		return limits{min(max(1, float64(v.Serverless.Memory)/1769), float64(goruntime.NumCPU())), v.Serverless.Memory << 20}
	}
	m := instanceSize.FindStringSubmatch(v.Instance)
	if m == nil {
		return limits{}
	}
	cpus := 2.0
	if m[3] == "xlarge" {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			n = 1
		}
		cpus = 4 * float64(n)
	}
	gigabytes := 4.0 // for each processor
	switch {
	case strings.HasPrefix(m[1], "c"):
		gigabytes = 2
	case strings.HasPrefix(m[1], "r"), strings.HasPrefix(m[1], "p"), strings.HasPrefix(m[1], "trn"):
		gigabytes = 8
	case m[1] == "t":
		gigabytes = 2
	}
	return limits{min(cpus, float64(goruntime.NumCPU())), int64(cpus*gigabytes) << 30}
}
