package scenario

import (
	"strings"
	"testing"
	"time"
)

// TestHostileText sends what makes readers slow or deep. None of it may take
// longer than a person waits, and all of it is refused.
func TestHostileText(t *testing.T) {
	bomb := "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c, *c, *c]\n"
	deep := strings.Builder{}
	for i := range 600 {
		deep.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	for name, text := range map[string]string{
		"too long":        strings.Repeat("# prose\n", maxText/8+1),
		"brackets":        strings.Repeat("[", maxText),
		"braces":          strings.Repeat("{a: ", maxText/4),
		"dashes":          strings.Repeat("- ", maxText/2),
		"questions":       strings.Repeat("? ", maxText/2),
		"indentation":     deep.String(),
		"an alias bomb":   bomb,
		"many keys":       strings.Repeat("k: 1\n", maxText/5),
		"many steps":      base + "timeline:\n" + strings.Repeat("- {}\n", (maxText-len(base)-20)/5),
		"many cuts":       base + "timeline:\n" + strings.Repeat("- {at: 1m, cut: us | eu, for: 1m}\n", maxSteps),
		"many crashes":    base + "timeline:\n" + strings.Repeat("- {at: 1m, crash: us/1, restart: never}\n", maxSteps),
		"many regions":    "topology: {regions: {" + strings.Repeat("a: 1, ", (maxText-30)/6) + "}}",
		"a long key":      strings.Repeat("k", maxText-5) + ": 1",
		"a long target":   base + "timeline:\n- {at: 1m, crash: " + strings.Repeat("us/1 ", (maxText-len(base)-60)/5) + "}\n",
		"many digits":     base + "timeline:\n- {at: " + strings.Repeat("9", 100_000) + "s, crash: us/1}\n",
		"invalid UTF-8":   "name: \xff\xfe",
		"a byte order":    "\ufeff\x00",
		"control letters": "version: 1\nname: \"\\0\"",
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := Parse("hostile.yaml", []byte(text))
			if err == nil {
				t.Fatal("accepted")
			}
			if len(err.Error()) > 64<<10 {
				t.Errorf("an answer of %d bytes", len(err.Error()))
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			t.Log(time.Since(began), firstLine(err))
		})
	}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
