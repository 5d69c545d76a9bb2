package up

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/atollcache/atoll/server/wan"
)

// A Path is what one region says to another, as GET /wan tells it.
type Path struct {
	From        string `json:"from"`
	To          string `json:"to"`
	State       string `json:"state"` // up, cut or black hole
	DelayMicros int64  `json:"delay_us"`
	Bytes       uint64 `json:"bytes"` // since the start
}

// A Change is what POST /wan is to do. Without A and B, heal is for all.
type Change struct {
	Do          string `json:"do"` // cut, heal or delay
	A           string `json:"a,omitempty"`
	B           string `json:"b,omitempty"`
	OneWay      bool   `json:"one_way,omitempty"` // only what A says to B
	DelayMicros int64  `json:"delay_us,omitempty"`
}

// A refusal is the body of an answer that is no 200.
type refusal struct {
	Error string `json:"error"`
}

// maxChange bounds the body of a request.
const maxChange = 1 << 16

// switchHandler lets the command line turn the switch:
//
//	GET  /wan    the paths, a list of [Path]
//	POST /wan    a [Change]; answers with the paths as they are then
func switchHandler(sw *wan.Switch) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wan", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, paths(sw))
	})
	mux.HandleFunc("POST /wan", func(w http.ResponseWriter, r *http.Request) {
		// A page in a browser can post to the loopback, but not with this type unless we let it.
		if r.Header.Get("Content-Type") != "application/json" {
			reply(w, http.StatusUnsupportedMediaType, refusal{"send application/json"})
			return
		}
		change, err := readChange(http.MaxBytesReader(w, r.Body, maxChange))
		if err == nil {
			err = apply(sw, change)
		}
		if err != nil {
			reply(w, http.StatusBadRequest, refusal{err.Error()})
			return
		}
		reply(w, http.StatusOK, paths(sw))
	})
	return mux
}

func readChange(body io.Reader) (Change, error) {
	var c Change
	d := json.NewDecoder(body)
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, errors.New("the body is no change in JSON: " + err.Error())
	}
	return c, nil
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}

func apply(sw *wan.Switch, c Change) error {
	switch {
	case c.Do == "heal" && c.A == "" && c.B == "":
		sw.HealAll()
		return nil
	case c.Do == "heal":
		return sw.Heal(c.A, c.B)
	case c.Do == "cut" && c.OneWay:
		return sw.CutOneWay(c.A, c.B)
	case c.Do == "cut":
		return sw.Cut(c.A, c.B)
	case c.Do == "delay" && c.OneWay:
		return sw.DelayOneWay(c.A, c.B, time.Duration(c.DelayMicros)*time.Microsecond)
	case c.Do == "delay":
		return sw.Delay(c.A, c.B, time.Duration(c.DelayMicros)*time.Microsecond)
	}
	return errors.New("unknown change " + c.Do + "; it is cut, heal or delay")
}

func paths(sw *wan.Switch) []Path {
	var all []Path
	for _, p := range sw.Status() {
		all = append(all, Path{From: p.From, To: p.To, State: p.State.String(), DelayMicros: p.Delay.Microseconds(), Bytes: p.Bytes})
	}
	return all
}
