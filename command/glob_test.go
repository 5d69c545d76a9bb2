package command

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMatch(t *testing.T) {
	for _, test := range []struct {
		pattern, yes, no string
	}{
		{"", "", "a"},
		{"*", "anything", ""},
		{"a*", "abc", "ba"},
		{"*a", "bca", "ab"},
		{"a*b*c", "a-b-b-c", "acb"},
		{"h?llo", "hello", "hllo"},
		{"h[ae]llo", "hallo", "hillo"},
		{"h[^e]llo", "hallo", "hello"},
		{"h[a-b]llo", "hbllo", "hcllo"},
		{"h[b-a]llo", "hallo", "hcllo"},
		{`h\?llo`, "h?llo", "hello"},
		{`\*`, "*", "x"},
		{`a\`, `a\`, "a"},
		{`[\]]`, "]", `\`},
		{"[abc", "b", "d"},
		{"[a-", "-", "b"},
		{"[^", "x", ""},
		{"**a**", "xax", "xx"},
		{"?", "\x00", ""},
		{"\r\n*", "\r\nx", "\n"},
	} {
		if !Match([]byte(test.pattern), []byte(test.yes)) {
			t.Errorf("%q does not match %q", test.pattern, test.yes)
		}
		if test.no == "" && test.pattern == "*" {
			continue
		}
		if Match([]byte(test.pattern), []byte(test.no)) {
			t.Errorf("%q matches %q", test.pattern, test.no)
		}
	}
}

// naiveMatch tries every way.
func naiveMatch(p, s string) bool {
	if p == "" {
		return s == ""
	}
	if p[0] == '*' {
		return naiveMatch(p[1:], s) || s != "" && naiveMatch(p, s[1:])
	}
	if s == "" {
		return false
	}
	next, ok := matchByte([]byte(p), 0, s[0])
	return ok && naiveMatch(p[next:], s[1:])
}

func TestMatchTriesEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune(`ab**?[]^-\`)), 0, 12, -1).Draw(t, "pattern")
		name := rapid.StringOfN(rapid.RuneFrom([]rune(`ab]\`)), 0, 12, -1).Draw(t, "name")
		if got, want := Match([]byte(pattern), []byte(name)), naiveMatch(pattern, name); got != want {
			t.Fatalf("Match(%q, %q) = %v, want %v", pattern, name, got, want)
		}
	})
}

// TestMatchOfRedis compares with SCAN of a real Redis, but for the empty key,
// which Redis finds by one star and not by two.
func TestMatchOfRedis(t *testing.T) {
	redis := startRedis(t)
	rapid.Check(t, func(rt *rapid.T) {
		pattern := rapid.StringOfN(rapid.RuneFrom([]rune(`ab*?[]^-\`)), 0, 8, -1).Draw(rt, "pattern")
		name := rapid.StringOfN(rapid.RuneFrom([]rune(`ab]\-^`)), 1, 8, -1).Draw(rt, "name")
		redis.do(t, "FLUSHALL")
		redis.do(t, "SET", name, "")
		found := redis.do(t, "SCAN", "0", "MATCH", pattern) != `["0" []]`
		if got := Match([]byte(pattern), []byte(name)); got != found {
			rt.Fatalf("Match(%q, %q) = %v, Redis says %v", pattern, name, got, found)
		}
	})
}

// TestMatchIsNotExponential uses the longest pattern and key that SCAN meets,
// for which trying every way would take for ever.
func TestMatchIsNotExponential(t *testing.T) {
	pattern := []byte(strings.Repeat("*a", 511) + "*b")
	name := []byte(strings.Repeat("a", 512))
	begin := time.Now()
	if Match(pattern, name) {
		t.Error("matched")
	}
	if took := time.Since(begin); took > 100*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func FuzzMatch(f *testing.F) {
	f.Add([]byte("a*[b-d]?"), []byte("axxcd"))
	f.Add([]byte(`[\`), []byte(`\`))
	f.Add([]byte("[^"), []byte("^"))
	f.Fuzz(func(t *testing.T, pattern, name []byte) {
		if len(pattern) > 64 || len(name) > 64 {
			return
		}
		escaped := make([]byte, 0, 2*len(name))
		for _, b := range name {
			escaped = append(escaped, '\\', b)
		}
		if !Match(escaped, name) {
			t.Errorf("%q does not match itself escaped", name)
		}
		if Match(pattern, name) && !Match(append([]byte("*"), pattern...), append([]byte("x"), name...)) {
			t.Errorf("%q matches %q, but not with a star before", pattern, name)
		}
	})
}
