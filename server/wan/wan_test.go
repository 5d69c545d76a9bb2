package wan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/server/wan"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCutStopsMessagesAndHealBringsThemBack(t *testing.T) {
	began := time.Now()
	m := startMesh(t, "ap", "eu", "us")
	t.Logf("started and meshed in %v", time.Since(began).Round(time.Millisecond))

	began = time.Now()
	must(t, m.sw.Cut("eu", "us"))
	eventually(t, "both to notice", func() bool {
		return !slices.Contains(m.nodes["eu"].broker.Gateways().Outbound, "us") && !slices.Contains(m.nodes["us"].broker.Gateways().Outbound, "eu")
	})
	t.Logf("the cut is noticed after %v", time.Since(began).Round(time.Millisecond))
	carried := m.path(t, "eu", "us").Bytes

	// Long enough for several attempts to connect, with what ap gossips about the addresses of both.
	m.silentFor(t, 3*time.Second, "eu", "us", [2]string{"eu", "ap"}, [2]string{"ap", "us"})
	m.silentFor(t, 200*time.Millisecond, "us", "eu")
	if p := m.path(t, "eu", "us"); p.State != wan.Cut || p.Bytes != carried {
		t.Errorf("the path is %v and has carried %d bytes, %d of them while cut", p.State, p.Bytes, p.Bytes-carried)
	}

	began = time.Now()
	must(t, m.sw.Heal("eu", "us"))
	m.waitHeard(t, "eu", "us")
	m.waitHeard(t, "us", "eu")
	t.Logf("messages flow %v after the heal", time.Since(began).Round(time.Millisecond))
	m.waitConnected(t)
	t.Logf("the mesh is back %v after the heal", time.Since(began).Round(time.Millisecond))
	if p := m.path(t, "eu", "us"); p.State != wan.Up || p.Bytes == carried {
		t.Errorf("after the heal the path is %+v", p)
	}
}

func TestOneWayCutStaysOneWay(t *testing.T) {
	m := startMesh(t, "ap", "eu", "us")
	must(t, m.sw.CutOneWay("eu", "us"))

	// Several times as long as it takes the servers to give up connections that are silent.
	m.silentFor(t, 5*deadAfter, "eu", "us", [2]string{"us", "eu"})

	// New interest still travels against the cut, so that us can begin to say something else to eu.
	sub, err := m.nodes["eu"].conn.SubscribeSync("news")
	must(t, err)
	eventually(t, "news from us in eu", func() bool {
		must(t, m.nodes["us"].conn.Publish("news", nil))
		_, err := sub.NextMsg(10 * time.Millisecond)
		return err == nil
	})
	if p := m.path(t, "eu", "us"); p.State != wan.BlackHole {
		t.Errorf("the path is %v", p.State)
	}
	if p := m.path(t, "us", "eu"); p.State != wan.Up {
		t.Errorf("the path back is %v", p.State)
	}

	began := time.Now()
	m.sw.HealAll()
	m.waitHeard(t, "eu", "us")
	t.Logf("messages flow %v after the heal", time.Since(began).Round(time.Millisecond))
	m.waitConnected(t)
}

func TestBlackHoleIsFoundByPingsOnly(t *testing.T) {
	m := startMesh(t, "eu", "us")
	must(t, m.sw.BlackHole("eu", "us"))
	began := time.Now()
	m.silentFor(t, 100*time.Millisecond, "eu", "us")
	if !m.connected() {
		t.Errorf("the servers noticed the black hole within %v", time.Since(began))
	}
	eventually(t, "the servers to give up", func() bool { return !m.connected() })
	t.Logf("given up after %v", time.Since(began).Round(time.Millisecond))
	m.silentFor(t, 2*deadAfter, "us", "eu")

	began = time.Now()
	must(t, m.sw.Heal("eu", "us"))
	m.waitHeard(t, "eu", "us")
	m.waitHeard(t, "us", "eu")
	m.waitConnected(t)
	t.Logf("the mesh is back %v after the heal", time.Since(began).Round(time.Millisecond))
}

// A black hole that ends before anybody has given up delivers what was under way, as TCP does.
func TestShortBlackHoleLosesNothing(t *testing.T) {
	m := startMesh(t, "eu", "us")
	stream := m.stream("eu", "us")
	eventually(t, "what is under way", func() bool { return stream.last.Load() == stream.sent.Load() })
	gaps := stream.gaps.Load()

	must(t, m.sw.BlackHole("eu", "us"))
	m.silentFor(t, 100*time.Millisecond, "eu", "us")
	must(t, m.sw.Heal("eu", "us"))
	eventually(t, "all messages", func() bool { return stream.last.Load() == stream.sent.Load() })
	if lost := stream.gaps.Load() - gaps; lost != 0 {
		t.Errorf("there are %d gaps", lost)
	}
}

func TestDelayIsFelt(t *testing.T) {
	const oneWay = 40 * time.Millisecond
	m := startMesh(t, "ap", "eu", "us")
	must(t, m.sw.Delay("eu", "us", oneWay))
	must(t, m.sw.DelayOneWay("ap", "eu", oneWay))
	for _, region := range []string{"eu", "us"} {
		_, err := m.nodes[region].conn.Subscribe("ping."+region, func(msg *nats.Msg) { _ = msg.Respond(nil) })
		must(t, err)
	}
	for _, test := range []struct {
		from, to string
		least    time.Duration
	}{
		{"eu", "us", 2 * oneWay},
		{"us", "eu", 2 * oneWay},
		{"ap", "eu", oneWay},
	} {
		took := m.roundTrip(t, test.from, "ping."+test.to)
		t.Logf("from %s to %s and back in %v", test.from, test.to, took.Round(time.Millisecond))
		if took < test.least {
			t.Errorf("from %s to %s and back in %v, want at least %v", test.from, test.to, took, test.least)
		}
	}
	if p := m.path(t, "us", "eu"); p.Delay != oneWay {
		t.Errorf("the path is %+v", p)
	}
}

// roundTrip makes requests until one is answered and returns how long that one took.
func (m *mesh) roundTrip(t *testing.T, from, subject string) time.Duration {
	t.Helper()
	var took time.Duration
	eventually(t, "an answer", func() bool {
		began := time.Now()
		_, err := m.nodes[from].conn.Request(subject, nil, patience)
		took = time.Since(began)
		return err == nil
	})
	return took
}

func TestHealTimes(t *testing.T) {
	if testing.Short() {
		t.Skip("measures, and takes some seconds")
	}
	m := startMesh(t, "ap", "eu", "us")
	var took []time.Duration
	for range 5 {
		must(t, m.sw.Cut("eu", "us"))
		m.silentFor(t, 400*time.Millisecond, "eu", "us")
		began := time.Now()
		must(t, m.sw.Heal("eu", "us"))
		m.waitHeard(t, "eu", "us")
		m.waitHeard(t, "us", "eu")
		took = append(took, time.Since(began).Round(time.Millisecond))
	}
	t.Logf("from the heal to messages both ways: %v", took)
}

func TestErrors(t *testing.T) {
	sw, err := wan.New("eu", "us")
	must(t, err)
	defer sw.Close()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"cut of a stranger":     {sw.Cut("eu", "mars"), `unknown region "mars"; the regions are [eu us]`},
		"one-way of a stranger": {sw.CutOneWay("mars", "eu"), `unknown region "mars"`},
		"black hole of itself":  {sw.BlackHole("eu", "eu"), "no path from region eu to itself"},
		"heal of itself":        {sw.Heal("us", "us"), "itself"},
		"delay of a stranger":   {sw.Delay("eu", "", time.Second), `unknown region ""`},
		"negative delay":        {sw.Delay("eu", "us", -1), "negative"},
		"attach to a stranger":  {sw.Attach("mars", "127.0.0.1:1"), `unknown region "mars"`},
		"attach to no address":  {sw.Attach("eu", "nowhere"), "attach a server to region eu"},
		"one region":            {second(wan.New("eu")), "at least two regions"},
		"a region twice":        {second(wan.New("eu", "eu")), "listed twice"},
		"a bad name":            {second(wan.New("eu", "u.s")), `region "u.s"`},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: the error is %v, want it to contain %q", name, test.err, test.want)
		}
	}
}

func second(_ *wan.Switch, err error) error { return err }
