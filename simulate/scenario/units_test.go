package scenario

import (
	"testing"
	"time"
)

// again reads a value, writes it, and wants the writing to mean the same.
func again[T comparable](t *testing.T, n notation[T], text string) {
	t.Helper()
	value, err := n.parse(text)
	if err != nil {
		return
	}
	written := n.format(value)
	if back, err := n.parse(written); err != nil || back != value {
		t.Errorf("%s: %q is %v, written as %q, which is %v (%v)", n.what, text, value, written, back, err)
	}
}

// FuzzValues reads any text as every kind of value.
func FuzzValues(f *testing.F) {
	for _, text := range []string{
		"1h30m", "0.5ms", "10d", "1.000000001s", "µs", "+900ms", "-1h", "never", "4KiB", "50MB", "1.5GiB", "50Mbit/s", "5%", "0.0001%",
		"200ppm", "-0.1%", "500/s", "30/m", "7/h", "100k", "80ms±10%", "80ms+-8ms", "80ms exponential 20ms", "1s lognormal 20%",
		"80ms bimodal 400ms 5%", "100k zipf 1.1", "hot 1", "256B..4KiB", "1m..5m", "regions:3", "18446744073709551615s", "9223372036854775807B",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, n := range []notation[time.Duration]{aDuration(), aTime(), anOffset(), aRestart()} {
			again(t, n, text)
		}
		for _, n := range []notation[int64]{aSize(), aBandwidth(), aCount()} {
			again(t, n, text)
		}
		again(t, aShare(), text)
		again(t, aDrift(), text)
		again(t, aRate(), text)
		again(t, aNumber(), text)
		again(t, aDelay(), text)
		again(t, someKeys(), text)
		again(t, someSizes(), text)
		again(t, aSpan(), text)
		again(t, aLevel(), text)
		again(t, aSwitch(), text)
	})
}

// TestValues shows what is exact, what is canonical, and what is refused.
func TestValues(t *testing.T) {
	for _, test := range []struct {
		n          notation[time.Duration]
		text       string
		want       time.Duration
		canonical  string
		wantsError bool
	}{
		{n: aDuration(), text: "90s", want: 90 * time.Second, canonical: "1m30s"},
		{n: aDuration(), text: "1d", want: 24 * time.Hour, canonical: "24h"},
		{n: aDuration(), text: "0.5ms", want: 500 * time.Microsecond, canonical: "500µs"},
		{n: aDuration(), text: "1h0m1s", want: time.Hour + time.Second, canonical: "1h0m1s"},
		{n: aDuration(), text: "0.0000000001s", wantsError: true},
		{n: aDuration(), text: "10", wantsError: true},
		{n: aDuration(), text: "1e3s", wantsError: true},
		{n: aDuration(), text: "", wantsError: true},
		{n: anOffset(), text: "-1h", want: -time.Hour, canonical: "-1h"},
		{n: anOffset(), text: "900ms", want: 900 * time.Millisecond, canonical: "+900ms"},
		{n: anOffset(), text: "+0s", wantsError: true},
		{n: anOffset(), text: "+-1s", wantsError: true},
		{n: aRestart(), text: "never", want: Never, canonical: "never"},
	} {
		got, err := test.n.parse(test.text)
		if test.wantsError {
			if err == nil {
				t.Errorf("%q was read as %v", test.text, got)
			}
			continue
		}
		if err != nil || got != test.want || test.n.format(got) != test.canonical {
			t.Errorf("%q is %v (%v), written %q", test.text, got, err, test.n.format(got))
		}
	}
	if rate, err := parseRate("30/m"); err != nil || rate != 500 {
		t.Errorf("30/m is %d thousandths in a second: %v", rate, err)
	}
	if share, err := parseShare("0.1%"); err != nil || share != 1000 {
		t.Errorf("0.1%% is %d ppm: %v", share, err)
	}
}
