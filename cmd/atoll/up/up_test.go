package up_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/atollcache/atoll/cmd/atoll/up"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *up.Cluster {
	t.Helper()
	c, err := up.Start(t.Context(), up.Config{Regions: []string{"eu", "us"}, Nodes: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Starting and stopping leaves no goroutine behind: TestMain looks.
func TestTurnTheSwitch(t *testing.T) {
	admin := start(t).Layout().Admin
	state := func(change *up.Change) (there, back up.Path) {
		t.Helper()
		paths, err := up.Turn(t.Context(), admin, change)
		if err != nil || len(paths) != 2 {
			t.Fatalf("%v, %v", paths, err)
		}
		return paths[0], paths[1]
	}

	if there, back := state(nil); there.From != "eu" || there.To != "us" || there.State != "up" || back.State != "up" {
		t.Errorf("at first %+v and %+v", there, back)
	}
	if there, back := state(&up.Change{Do: "cut", A: "eu", B: "us"}); there.State != "cut" || back.State != "cut" {
		t.Errorf("cut: %+v and %+v", there, back)
	}
	if there, back := state(&up.Change{Do: "heal"}); there.State != "up" || back.State != "up" {
		t.Errorf("healed: %+v and %+v", there, back)
	}
	if there, back := state(&up.Change{Do: "cut", A: "us", B: "eu", OneWay: true}); there.State != "up" || back.State != "black hole" {
		t.Errorf("cut one way: %+v and %+v", there, back)
	}
	state(&up.Change{Do: "heal", A: "eu", B: "us"})
	if there, back := state(&up.Change{Do: "delay", A: "eu", B: "us", DelayMicros: 1500}); there.DelayMicros != 1500 || back.DelayMicros != 1500 {
		t.Errorf("delayed: %+v and %+v", there, back)
	}
	if there, back := state(&up.Change{Do: "delay", A: "eu", B: "us", OneWay: true}); there.DelayMicros != 0 || back.DelayMicros != 1500 {
		t.Errorf("one way without delay: %+v and %+v", there, back)
	}

	for _, change := range []up.Change{{Do: "burn", A: "eu", B: "us"}, {Do: "cut", A: "eu", B: "mars"}, {Do: "heal", A: "eu"}, {Do: "delay", A: "eu", B: "us", DelayMicros: -1}} {
		if _, err := up.Turn(t.Context(), admin, &change); !errors.Is(err, up.ErrRefused) {
			t.Errorf("%+v: %v", change, err)
		}
	}
}

// A page in a browser can send simple requests to the loopback interface; they must change nothing.
func TestSwitchWantsJSON(t *testing.T) {
	admin := start(t).Layout().Admin
	for contentType, want := range map[string]int{
		"text/plain":       http.StatusUnsupportedMediaType,
		"application/json": http.StatusBadRequest,
	} {
		response, err := http.Post(admin+"/wan", contentType, bytes.NewReader([]byte(`{"do":"cut","a":"eu","b":"us","c":1}`)))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %s", contentType, response.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if paths, err := up.Turn(t.Context(), admin, nil); err != nil || paths[0].State != "up" {
		t.Errorf("%v, %v", paths, err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	for want, config := range map[string]up.Config{
		"two regions":     {Regions: []string{"eu"}, Nodes: 1},
		"--nodes 0":       {Regions: []string{"eu", "us"}},
		"--base-port":     {Regions: []string{"eu", "us"}, Nodes: 1, BasePort: 65534},
		"is listed twice": {Regions: []string{"eu", "eu"}, Nodes: 1},
	} {
		if _, err := up.Start(t.Context(), config); !errors.Is(err, up.ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestStartCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := up.Start(ctx, up.Config{Regions: []string{"eu", "us"}, Nodes: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
