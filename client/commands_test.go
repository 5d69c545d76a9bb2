package client_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/client"
)

// No package of the server is linked into a service, and nothing that weighs as much.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	allowed := []string{"client", "crdt", "ring"}
	for path := range strings.FieldsSeq(string(out)) {
		below, own := strings.CutPrefix(path, "github.com/atollcache/atoll/")
		if own && !slices.Contains(allowed, below) {
			t.Errorf("client links %s", path)
		}
		for _, heavy := range []string{"nats-server", "prometheus", "opentelemetry", "memberlist", "google.golang.org"} {
			if strings.Contains(path, heavy) {
				t.Errorf("client links %s", path)
			}
		}
	}
}

func TestCommands(t *testing.T) {
	l := started(t, 2, "eu", "us")
	c := connected(t, client.Options{Seeds: seeds(l), Home: "eu", Attempt: patience}) // attempts are counted: a busy machine is no reason for a second one
	ctx := t.Context()

	t.Run("strings", func(t *testing.T) {
		if _, err := c.Get(ctx, "s"); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("nothing there: %v", err)
		}
		if err := c.Set(ctx, "s", []byte("a\x00\xff"), 0); err != nil {
			t.Fatal(err)
		}
		if v := must[[]byte](t)(c.Get(ctx, "s")); string(v) != "a\x00\xff" {
			t.Errorf("%q", v)
		}
		if ttl := must[time.Duration](t)(c.TTL(ctx, "s")); ttl != client.NoTTL {
			t.Errorf("TTL %v", ttl)
		}
		if err := c.Set(ctx, "s", []byte("b"), time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := c.Set(ctx, "s", []byte("c"), client.KeepTTL); err != nil {
			t.Fatal(err)
		}
		if ttl := must[time.Duration](t)(c.TTL(ctx, "s")); ttl < 59*time.Minute || ttl > time.Hour {
			t.Errorf("TTL %v", ttl)
		}
		if set := must[bool](t)(c.SetNX(ctx, "s", []byte("d"), 0)); set {
			t.Error("SetNX on what exists")
		}
		if set := must[bool](t)(c.SetXX(ctx, "s", []byte("d"), time.Minute)); !set {
			t.Error("SetXX on what exists")
		}
		if word := must[string](t)(c.Type(ctx, "s")); word != "string" {
			t.Errorf("type %s", word)
		}
		if there := must[bool](t)(c.Expire(ctx, "s", time.Minute)); !there {
			t.Error("nothing to expire")
		}
		if there := must[bool](t)(c.Persist(ctx, "s")); !there {
			t.Error("no deadline to take away")
		}
		if n := must[int64](t)(c.Del(ctx, "s", "none")); n != 1 {
			t.Errorf("%d removed", n)
		}
		if _, err := c.TTL(ctx, "s"); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("TTL of nothing: %v", err)
		}
	})
	t.Run("counter", func(t *testing.T) {
		n := c.Counter("n")
		if v := must[int64](t)(n.Get(ctx)); v != 0 {
			t.Errorf("%d", v)
		}
		must[int64](t)(n.Add(ctx, 1<<60))
		if v := must[int64](t)(n.Add(ctx, -3)); v != 1<<60-3 {
			t.Errorf("%d", v)
		}
		if v := must[int64](t)(n.Get(ctx)); v != 1<<60-3 {
			t.Errorf("%d", v)
		}
	})
	t.Run("map", func(t *testing.T) {
		m := c.Map("m")
		if err := m.SetAll(ctx, map[string][]byte{"a": []byte("1"), "b": {0xff}}); err != nil {
			t.Fatal(err)
		}
		if n := must[int64](t)(m.Add(ctx, "a", 4)); n != 5 {
			t.Errorf("%d", n)
		}
		if all := must[map[string][]byte](t)(m.All(ctx)); len(all) != 2 || string(all["a"]) != "5" || string(all["b"]) != "\xff" {
			t.Errorf("%q", all)
		}
		if _, err := m.Get(ctx, "none"); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if n := must[int64](t)(m.Del(ctx, "a", "none")); n != 1 {
			t.Errorf("%d", n)
		}
	})
	t.Run("set", func(t *testing.T) {
		s := c.SetOf("set")
		if n := must[int64](t)(s.Add(ctx, "a", "b", "a")); n != 2 {
			t.Errorf("%d", n)
		}
		if all := must[[]string](t)(s.All(ctx)); !slices.Equal(all, []string{"a", "b"}) {
			t.Errorf("%q", all)
		}
		if has := must[bool](t)(s.Has(ctx, "c")); has {
			t.Error("it has c")
		}
	})
	t.Run("sorted set", func(t *testing.T) {
		z := c.SortedSet("z")
		must[int64](t)(z.Add(ctx, client.Scored{"ada", 1.5}, client.Scored{"bob", 3}))
		if f := must[float64](t)(z.Incr(ctx, "ada", 2)); f != 3.5 {
			t.Errorf("%v", f)
		}
		want := []client.Scored{{"ada", 3.5}, {"bob", 3}}
		if top := must[[]client.Scored](t)(z.Top(ctx, 5)); !slices.Equal(top, want) {
			t.Errorf("%v", top)
		}
		if by := must[[]client.Scored](t)(z.RangeByScore(ctx, 3, 3.2)); !slices.Equal(by, want[1:]) {
			t.Errorf("%v", by)
		}
	})
	t.Run("wrong type", func(t *testing.T) {
		_, err := c.Get(ctx, "m")
		e, ok := errors.AsType[*client.Error](err)
		if !errors.Is(err, client.ErrWrongType) || !ok || e.Op != "get" || e.Key != "m" || e.Region != "eu" {
			t.Errorf("%v (%+v)", err, e)
		}
	})
	t.Run("too large", func(t *testing.T) {
		if err := c.Set(ctx, "big", make([]byte, 9<<20), 0); !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	})
	t.Run("level", func(t *testing.T) {
		if err := c.With(client.Ack{Level: client.Regions, Regions: 2}).Set(ctx, "far", []byte("x"), 0); err != nil {
			t.Error(err)
		}
		err := c.With(client.Ack{Level: client.Regions, Regions: 9, Within: 50 * time.Millisecond}).Set(ctx, "far", []byte("y"), 0)
		if !errors.Is(err, client.ErrShort) {
			t.Errorf("%v", err)
		}
		if v := must[[]byte](t)(c.Get(ctx, "far")); string(v) != "y" {
			t.Errorf("%q", v)
		}
	})
	t.Run("typed", func(t *testing.T) {
		type user struct{ Name string }
		for name, codec := range map[string]client.Codec{"default": nil, "cbor": client.CBOR} {
			v := client.ValueOf[user](c.Commands, "user:"+name, codec)
			if err := v.Set(ctx, user{"Ada"}, time.Minute); err != nil {
				t.Fatal(err)
			}
			if u := must[user](t)(v.Get(ctx)); u.Name != "Ada" {
				t.Errorf("%+v", u)
			}
		}
	})
	t.Run("batch", func(t *testing.T) {
		b := c.Batch()
		var sets []*client.Pending
		for i := range 1200 {
			sets = append(sets, b.Set(fmt.Sprintf("batch:%d", i), fmt.Append(nil, i), time.Hour))
		}
		none, wrong, n := b.Get("batch:none"), b.Get("m"), b.Add("batch:n", 7)
		if err := b.Run(ctx); !errors.Is(err, client.ErrWrongType) || !errors.Is(wrong.Err(), client.ErrWrongType) {
			t.Errorf("%v", err)
		}
		if !errors.Is(none.Err(), client.ErrNotFound) || n.Err() != nil || n.Int() != 7 {
			t.Errorf("%v, %v, %d", none.Err(), n.Err(), n.Int())
		}
		for i, p := range sets {
			if p.Err() != nil {
				t.Fatalf("%d: %v", i, p.Err())
			}
		}
	})
	t.Run("scan", func(t *testing.T) {
		seen := map[string]bool{}
		for key, err := range c.Scan(ctx, "batch:1??") {
			if err != nil {
				t.Fatal(err)
			}
			seen[key] = true
		}
		if len(seen) != 100 {
			t.Errorf("%d keys", len(seen))
		}
	})
	t.Run("canceled", func(t *testing.T) {
		over, cancel := context.WithCancel(ctx)
		cancel()
		if _, err := c.Get(over, "s"); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
	if s := c.Stats(); s.Attempts != s.Commands || s.Commands == 0 {
		t.Errorf("%d attempts for %d commands although nothing was wrong", s.Attempts, s.Commands)
	}
}

func TestClosed(t *testing.T) {
	c, err := client.Connect(t.Context(), client.Options{Seeds: seeds(started(t, 1, "eu", "us"))})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "k"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestConnectToNobody(t *testing.T) {
	_, err := client.Connect(t.Context(), client.Options{Seeds: []string{"127.0.0.1:1"}, ConnectTimeout: 200 * time.Millisecond})
	if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

func TestOptionsRefuse(t *testing.T) {
	for name, o := range map[string]client.Options{
		"no host":        {Seeds: []string{"eu="}},
		"a bad port":     {Seeds: []string{"nats://user:secret@h:port"}},
		"two logins":     {User: "a", Token: "b"},
		"negative":       {Timeout: -1},
		"a bad region":   {Home: "e.u"},
		"too much share": {RetryShare: 2},
	} {
		if c, err := client.Connect(t.Context(), o); err == nil {
			t.Errorf("%s: accepted", name)
			c.Close()
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is spelled as Redis does is the same command, and a read is what may be sent twice.
func TestNamesInCapitals(t *testing.T) {
	l := started(t, 2, "eu", "us")
	c := connected(t, client.Options{Seeds: seeds(l), Home: "eu", Hedge: time.Nanosecond, Attempt: patience, Timeout: patience})
	for range 20 {
		must[client.Reply](t)(c.Do(t.Context(), []byte("INCR"), []byte("n")))
	}
	if n := must[client.Reply](t)(c.Do(t.Context(), []byte("INCRBY"), []byte("n"), []byte("0"))); n.Int != 20 {
		t.Errorf("%d after 20 times INCR", n.Int)
	}
	if r := must[client.Reply](t)(c.Do(t.Context(), []byte("PING"))); string(r.Bytes) != "PONG" {
		t.Errorf("%+v", r)
	}
}

// A name that no node serves is told at once, and no region is taken for dead.
func TestNameThatNobodyServes(t *testing.T) {
	c := connected(t, client.Options{Seeds: seeds(started(t, 1, "eu", "us")), Home: "eu"})
	_, err := c.Do(t.Context(), []byte("dbsize"))
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != client.CodeUnknown || e.Maybe {
		t.Errorf("%v", err)
	}
	for _, r := range c.Regions() {
		if r.Circuit != client.Closed {
			t.Errorf("the circuit of %s is %v", r.Name, r.Circuit)
		}
	}
	if s := c.Stats(); s.Attempts != 1 {
		t.Errorf("%d attempts", s.Attempts)
	}
}
