package up

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseRTT(t *testing.T) {
	regions := []string{"eu", "us", "ap-south"}
	for _, c := range []struct {
		text string
		want []Delay
	}{
		{"", nil},
		{"80ms", []Delay{{"eu", "us", 40 * time.Millisecond}, {"eu", "ap-south", 40 * time.Millisecond}, {"us", "ap-south", 40 * time.Millisecond}}},
		{"us-eu=80ms", []Delay{{"eu", "us", 40 * time.Millisecond}, {"eu", "ap-south", 0}, {"us", "ap-south", 0}}},
		{"ap-south-us=1s, 10ms", []Delay{{"eu", "us", 5 * time.Millisecond}, {"eu", "ap-south", 5 * time.Millisecond}, {"us", "ap-south", 500 * time.Millisecond}}},
	} {
		got, err := ParseRTT(c.text, regions)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v; want %v", c.text, got, err, c.want)
		}
	}
}

func TestParseRTTRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"fast":       `"fast" is no round trip time`,
		"-5ms":       `"-5ms" is no round trip time`,
		"eu=80ms":    `"eu" is one region; write a pair, as in eu-us`,
		"eu-mars=1s": `"eu-mars" is no pair of the regions eu, us`,
		"eu-us=":     `"eu-us=" is no round trip time`,
	} {
		if _, err := ParseRTT(text, []string{"eu", "us"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
