package remote

import (
	"slices"
	"strings"
	"testing"
)

func TestParseEndpoints(t *testing.T) {
	got, err := ParseEndpoints([]string{"127.0.0.1:4222, us=10.0.0.1:5222", "nats://h", "", "us=10.0.0.1:5222", "ap=tls://[::1]:1"})
	want := []Endpoint{{"", "nats://127.0.0.1:4222"}, {"us", "nats://10.0.0.1:5222"}, {"", "nats://h:4222"}, {"ap", "tls://[::1]:1"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}

func TestParseEndpointsRefuses(t *testing.T) {
	for _, list := range [][]string{nil, {""}, {" , "}, {"eu="}, {"=h:1"}, {"nats://"}, {"h:port"}} {
		if got, err := ParseEndpoints(list); err == nil {
			t.Errorf("%q: %v", list, got)
		}
	}
}

// A password given in a URL is never shown.
func TestEndpointHidesThePassword(t *testing.T) {
	endpoints, err := ParseEndpoints([]string{"eu=nats://app:secret@h:1"})
	if err != nil || endpoints[0].String() != "nats://h:1" {
		t.Errorf("%v, %v", endpoints, err)
	}
	if _, err := ParseEndpoints([]string{"nats://app:secret@h:port"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}
