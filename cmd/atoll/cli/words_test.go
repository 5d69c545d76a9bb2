package cli

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestAllowNegative(t *testing.T) {
	root := (&app{}).root()
	for line, want := range map[string]string{
		"get greeting --region eu":              "get greeting --region eu",
		"zrange board 0 -1":                     "zrange -- board 0 -1",
		"zrange board 0 -1 --rev":               "zrange --rev -- board 0 -1",
		"zrange --rev board -inf -.5 --json":    "zrange --rev --json -- board -inf -.5",
		"--json incr n -5":                      "incr --json -- n -5",
		"incr n --region -1 -5":                 "incr --region -1 -- n -5",
		"incr n --region=eu -5":                 "incr --region=eu -- n -5",
		"hset h -1 -- -2 --json":                "hset -- h -1 -2 --json",
		"incr n --wat -5":                       "incr --wat -- n -5",
		"incr n -5 --region":                    "incr --region -- n -5",
		"nothing -5":                            "nothing -5",
		"__complete incr n -5":                  "__complete incr n -5",
		"wan delay eu us -5ms --admin x --json": "wan delay --admin x --json -- eu us -5ms",
	} {
		got := allowNegative(root, strings.Fields(line))
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %q, want %s", line, got, want)
		}
	}
}

func TestParseTTL(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1000", "90s": "90000", "1h": "3600000", "500ms": "500", "1.5s": "1500", "281474976710": "281474976710000",
	} {
		if got, err := parseTTL(text); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"0": "not above zero", "-1": "not above zero", "-5s": "not above zero", "1us": "not above zero", "0s": "not above zero",
		"": "neither a number", "soon": "neither a number", "99999999999999": "too long", "1e3": "neither a number",
	} {
		if got, err := parseTTL(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 KiB", 6041: "5.9 KiB", 102400: "100 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3.0 TiB"} {
		if got := size(n); got != want {
			t.Errorf("size %d: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0.0ms", 12.34: "12.3ms", 4321: "4.3s", 240_000: "4m"} {
		if got := span(n); got != want {
			t.Errorf("span %v: %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{900: "0s", 119_000: "119s", 120_000: "2m", 7_200_000: "2h", 172_800_000: "2d"} {
		if got := uptime(n); got != want {
			t.Errorf("uptime %d: %s, want %s", n, got, want)
		}
	}
}

// What a shower prints, for people and as JSON.
func TestShow(t *testing.T) {
	for _, c := range []struct {
		name        string
		show        shower
		value       any
		human, json string
	}{
		{"text", showValue, "<hello>", "<hello>\n", `{"key":"k","region":"eu","value":"<hello>"}`},
		{"bytes", showValue, "\xff\x00", "\xff\x00\n", `{"key":"k","region":"eu","value":{"b64":"/wA="}}`},
		{"integer", showValue, int64(-7), "-7\n", `{"key":"k","region":"eu","value":-7}`},
		{"score", showNumber, "1.5", "1.5\n", `{"key":"k","region":"eu","value":1.5}`},
		{"open score", showNumber, "-inf", "-inf\n", `{"key":"k","region":"eu","value":"-inf"}`},
		{"list", showList, []any{"a", "\xff"}, "a\n\xff\n", `{"key":"k","region":"eu","value":["a",{"b64":"/w=="}]}`},
		{"empty list", showList, []any{}, "", `{"key":"k","region":"eu","value":[]}`},
		{"fields", showFields, map[string]any{"b": "2", "a": "1"}, "a\t1\nb\t2\n", `{"key":"k","region":"eu","value":{"a":"1","b":"2"}}`},
		{"odd fields", showFields, map[string]any{"\xff": "2", "a": "1"}, "a\t1\n\xff\t2\n", `{"key":"k","region":"eu","value":{"pairs":[["a","1"],[{"b64":"/w=="},"2"]]}}`},
		{"scored", showScored, []any{"a", "1", "b", "inf"}, "a\t1\nb\tinf\n", `{"key":"k","region":"eu","value":[{"member":"a","score":1},{"member":"b","score":"inf"}]}`},
		{"ttl", showTTL, int64(1500), "2\n", `{"key":"k","region":"eu","ttl_ms":1500}`},
		{"no ttl", showTTL, int64(-1), "-1\n", `{"key":"k","region":"eu","ttl_ms":null}`},
	} {
		for _, json := range []bool{false, true} {
			var out bytes.Buffer
			want := c.human
			if json {
				want = c.json + "\n"
			}
			err := c.show(&app{stdout: &out, json: json}, result{Region: "eu", Key: "k", Value: c.value})
			if err != nil || out.String() != want {
				t.Errorf("%s, json %v: %q, %v; want %q", c.name, json, out.String(), err, want)
			}
		}
	}
}

func TestShowNothing(t *testing.T) {
	for name, c := range map[string]struct {
		show  shower
		value any
		code  int
	}{
		"no value":         {showValue, nil, exitNotFound},
		"no score":         {showNumber, nil, exitNotFound},
		"no field":         {showField, nil, exitNotFound},
		"no type":          {showType, "none", exitNotFound},
		"no key to expire": {showDone, int64(0), exitNotFound},
		"no key with ttl":  {showTTL, int64(-2), exitNotFound},
		"no members":       {showMembers, []any{}, exitNotFound},
		"no fields":        {showFields, map[string]any{}, exitNotFound},
		"strange ttl":      {showTTL, "x", exitGeneral},
		"strange list":     {showList, "x", exitGeneral},
		"strange scores":   {showScored, []any{"x"}, exitGeneral},
		"strange fields":   {showFields, int64(1), exitGeneral},
	} {
		var out bytes.Buffer
		err := c.show(&app{stdout: &out}, result{Region: "eu", Key: "k", Value: c.value})
		if exitCode(err) != c.code || out.Len() > 0 {
			t.Errorf("%s: %v, code %d, %q", name, err, exitCode(err), out.String())
		}
	}
}

// What cannot be written is an error, not a silence.
func TestPrintFails(t *testing.T) {
	for _, json := range []bool{false, true} {
		a := &app{stdout: full{}, json: json}
		if err := showValue(a, result{Key: "k", Value: "v"}); !errors.Is(err, errFull) {
			t.Errorf("json %v: %v", json, err)
		}
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }
