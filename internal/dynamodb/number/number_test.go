package number_test

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/modelwharf/modelwharf/internal/dynamodb/number"
)

const (
	unconvertible = "ValidationException: The parameter cannot be converted to a numeric value"
	overflow      = "ValidationException: Number overflow. Attempting to store a number with magnitude larger than supported range"
	underflow     = "ValidationException: Number underflow. Attempting to store a number with magnitude smaller than supported range"
	tooPrecise    = "ValidationException: Attempting to store more than 38 significant digits in a Number"
)

func TestCanonical(t *testing.T) {
	t.Parallel()
	nines := strings.Repeat("9", 38)
	for _, c := range []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"+0", "0"}, {"0.000", "0"}, {"0E200", "0"}, {".0", "0"},
		{"00042", "42"}, {"1.50", "1.5"}, {"+5", "5"}, {"-7", "-7"}, {"5.", "5"}, {".5", "0.5"}, {"-.5", "-0.5"},
		{"1e3", "1000"}, {"1E+3", "1000"}, {"1.5e-3", "0.0015"}, {"0042.1200", "42.12"}, {"123.456", "123.456"},
		{"100", "100"}, {"1E-130", "0." + strings.Repeat("0", 129) + "1"}, {"1E125", "1" + strings.Repeat("0", 125)},
		{nines + "E88", nines + strings.Repeat("0", 88)}, {nines, nines}, {"-" + nines, "-" + nines},
		{"0." + nines, "0." + nines}, {strings.Repeat("0", 500) + "1", "1"}, {"1E00000000000000003", "1000"},
		{"1.2345678901234567890123456789012345678E-130", "0." + strings.Repeat("0", 129) + "12345678901234567890123456789012345678"},

		{"", unconvertible},
		{"abc", unconvertible + ": abc"}, {" 1", unconvertible + ":  1"}, {"1 ", unconvertible + ": 1 "},
		{"1_0", unconvertible + ": 1_0"}, {".", unconvertible + ": ."}, {"-", unconvertible + ": -"}, {"1e", unconvertible + ": 1e"},
		{"1.2.3", unconvertible + ": 1.2.3"}, {"--1", unconvertible + ": --1"}, {"e5", unconvertible + ": e5"},
		{"0x10", unconvertible + ": 0x10"}, {"NaN", unconvertible + ": NaN"}, {"Infinity", unconvertible + ": Infinity"},
		{"1e99999999999", unconvertible + ": 1e99999999999"}, {"1e2147483648", unconvertible + ": 1e2147483648"}, {"١", unconvertible + ": ١"},
		{"1E126", overflow}, {"-1E126", overflow}, {"10E125", overflow}, {"1E-131", underflow}, {"-1E-131", underflow},
		{nines + "1", tooPrecise}, {"1." + strings.Repeat("0", 38) + "1", tooPrecise},
	} {
		got, err := number.Canonical(c.in)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("Canonical(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

// The sizes were measured on AWS, by items that just fit into 409,600 bytes.
func TestSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		want int
	}{
		{"0", 1}, {"1", 2}, {"12", 2}, {"123", 3}, {"1234", 3}, {"12345678901234567890123456789012345678", 20},
		{"0042", 2}, {"100", 2}, {"1010", 3}, {"0.0000001", 2}, {"1E125", 2}, {"1E-100", 2}, {"1.5", 3}, {"15", 2},
		{"1.2", 3}, {"1.200", 3}, {"1.234", 4}, {"3.14159", 5}, {"123456", 4}, {"100.5", 4}, {"0.15", 2}, {"-42", 3}, {"-0", 1},
		{"1E-130", 2}, {"120", 3},
	} {
		n, err := number.Canonical(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if got := number.Size(n); got != c.want {
			t.Errorf("Size(%s) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestAdd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ a, b, want string }{
		{"1", "2", "3"}, {"0.1", "0.2", "0.3"}, {"1", "-1", "0"}, {"-1.5", "1.5", "0"}, {"99", "1", "100"},
		{"9223372036854775807", "1", "9223372036854775808"}, {"-5", "3.25", "-1.75"}, {"5", "-3.25", "1.75"},
		{"1E125", "1E-130", tooPrecise}, {"9E125", "1E125", overflow}, {"-9E125", "-1E125", overflow},
		{"99999999999999999999999999999999999999", "1", "100000000000000000000000000000000000000"},
		{"1.1E-130", "-1E-130", underflow}, {"1E125", "-1E125", "0"}, {"1000", "-0.001", "999.999"},
	} {
		a, _ := number.Canonical(c.a)
		b, _ := number.Canonical(c.b)
		got, err := number.Add(a, b)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s + %s = %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// numbers returns canonical numbers of every shape: tiny, huge, with many equal
// leading digits.
func numbers(n int) []string {
	r := rand.New(rand.NewPCG(1, 2))
	list := []string{"0", "1", "-1", "0.1", "-0.1", "10", "9.99", "99", "100", "-100", "-99"}
	for len(list) < n {
		digits := make([]byte, 1+r.IntN(38))
		for i := range digits {
			digits[i] = "0123456789009900"[r.IntN(16)]
		}
		text := string(digits) + "E" + strconv.Itoa(r.IntN(260)-165)
		if r.IntN(2) == 0 {
			text = "-" + text
		}
		if c, err := number.Canonical(text); err == nil {
			list = append(list, c)
		}
	}
	return list
}

func checkPair(t *testing.T, a, b string) {
	t.Helper()
	ra, ok := new(big.Rat).SetString(a)
	if !ok {
		t.Fatalf("%q is not a rational number", a)
	}
	rb, _ := new(big.Rat).SetString(b)
	want := ra.Cmp(rb)
	if got := number.Compare(a, b); got != want {
		t.Fatalf("Compare(%s, %s) = %d, want %d", a, b, got, want)
	}
	ka, kb := number.AppendKey(nil, a), number.AppendKey(nil, b)
	if got := bytes.Compare(ka, kb); got != want {
		t.Fatalf("keys of %s and %s compare as %d, want %d", a, b, got, want)
	}
	if len(ka) > 22 {
		t.Fatalf("the key of %s has %d bytes", a, len(ka))
	}
	if back, err := number.FromKey(ka); err != nil || back != a {
		t.Fatalf("FromKey(AppendKey(%s)) = %q, %v", a, back, err)
	}
	for _, op := range []struct {
		do   func(a, b string) (string, error)
		want *big.Rat
	}{{number.Add, new(big.Rat).Add(ra, rb)}, {number.Subtract, new(big.Rat).Sub(ra, rb)}} {
		got, err := op.do(a, b)
		exact, _ := number.Canonical(op.want.FloatString(170))
		if err == nil && got != exact {
			t.Fatalf("%s and %s make %s, want %s", a, b, got, exact)
		}
		if err != nil && exact != "" {
			t.Fatalf("%s and %s make %v, want %s", a, b, err, exact)
		}
	}
}

func TestAgainstRationals(t *testing.T) {
	t.Parallel()
	list := numbers(200)
	for i, a := range list {
		for _, b := range list[i:] {
			checkPair(t, a, b)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"0", "-0", "+5", "1.50", "00042", "1e125", "1E-130", ".5", "5.", "1e2147483647", "abc", "", " 1", "-", "-.", ".", "\xff.\xff", strings.Repeat("9", 400) + "." + strings.Repeat("9", 400)} {
		f.Add(s, "1")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		// Nothing fails on text that is not canonical.
		number.Compare(x, y)
		number.Size(x)
		number.AppendKey(nil, x)
		_, _ = number.Add(x, y)
		_, _ = number.Subtract(x, y)
		a, err := number.Canonical(x)
		if err != nil {
			return
		}
		if again, err := number.Canonical(a); err != nil || again != a {
			t.Fatalf("Canonical(%q) = %q, but of that %q, %v", x, a, again, err)
		}
		if b, err := number.Canonical(y); err == nil {
			checkPair(t, a, b)
		}
	})
}

func FuzzFromKey(f *testing.F) {
	f.Add([]byte{0x80})
	f.Add(number.AppendKey(nil, "-12.5"))
	f.Fuzz(func(t *testing.T, key []byte) {
		n, err := number.FromKey(key)
		if err == nil {
			if c, err := number.Canonical(n); err != nil || c != n {
				t.Fatalf("FromKey(%x) = %q, which is not canonical", key, n)
			}
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	for _, s := range []string{"1763690000", "0.0123", "1.50", "1E10"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = number.Canonical(s)
			}
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, s := range []string{"1763690000", "0.25"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = number.Add(s, "1")
			}
		})
	}
}
