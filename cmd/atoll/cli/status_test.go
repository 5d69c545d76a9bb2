package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/atollcache/atoll/server"
)

// A cluster in trouble: eu and us are cut from each other, and a node of us is silent.
func TestStatusFits(t *testing.T) {
	report := []regionReport{
		{Name: "eu", Nodes: []server.Status{{
			Node: "eu-1", State: "serving", UptimeMS: 7_300_000, Keys: 1_234_567, Bytes: 3 << 30,
			Partitions: map[string]int{"ready": 1000, "booting": 20, "leaving": 4},
			Links: []server.LinkStatus{
				{Region: "us", Node: "us-1", State: "silent", OutboxBytes: 64 << 20, Unacked: 3, RTTMillis: 81.25, HeardMillis: 4321},
				{Region: "us", Node: "us-2", State: "up", RTTMillis: 80, HeardMillis: 900},
				{Region: "ap", Node: "ap-1", State: "up", RTTMillis: 120, HeardMillis: 990},
			},
			Peers: []server.PeerStatus{{Region: "us", Node: "us-1", Stuck: 1024}, {Region: "ap", Node: "ap-1", Pulling: true}},
		}}},
		{Name: "us", Silent: []string{"us-2"}, Nodes: []server.Status{{
			Node: "us-3", State: "serving", Clock: server.ClockStatus{OffsetMillis: 412, Clocks: 5, Stopped: true},
		}}},
	}
	var out bytes.Buffer
	printStatus(&out, report)

	want := `REGION  NODE  STATE      UPTIME  READY  BOOTING  LEAVING  KEYS     MEMORY
eu      eu-1  serving    2h      1000   20       4        1234567  3.0 GiB
us      us-3  clock off  0s      0      0        0        0        0 B
us      us-2  no answer  -       -      -        -        -        -

FROM  TO  LINKS      LAG   RTT      WAITING   REPAIR
eu    ap  1 up       -     120.0ms  0 B       running
eu    us  1 of 2 up  4.3s  81.2ms   64.0 MiB  1024 partitions
`
	if out.String() != want {
		t.Errorf("\n%swant:\n%s", &out, want)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > helpColumns {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
