package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/atollcache/atoll/client"
)

// rules say how many requests of a user are answered in how long a time.
type rules struct {
	limit  int64
	window time.Duration
}

// notes answers requests.
type notes struct {
	cache *client.Client
	rules rules
}

const (
	cookie  = "notes-session"
	maxNote = 64 << 10
)

var user = regexp.MustCompile(`^[a-z0-9_-]{1,32}$`)

func handler(cache *client.Client, r rules) http.Handler {
	n := &notes{cache, r}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes/{user}", named(n.counted(n.read)))
	mux.HandleFunc("PUT /notes/{user}", named(n.counted(n.write)))
	mux.HandleFunc("GET /rate/{user}", named(n.rate))
	return mux
}

// named lets a request through that is of somebody.
func named(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !user.MatchString(r.PathValue("user")) {
			http.Error(w, "a user has 1 to 32 of a-z, 0-9, _ and -", http.StatusBadRequest)
			return
		}
		next(w, r)
	}
}

// counted lets a request through that is within the limit. When nobody can be asked for the count in time it is let
// through as well: a limit is not worth an outage.
func (n *notes) counted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		count, left, err := n.count(ctx, r.PathValue("user"))
		if err == nil && count > n.rules.limit {
			w.Header().Set("Retry-After", strconv.Itoa(int(left/time.Second)+1))
			http.Error(w, "too many requests, come back in "+left.Round(time.Second).String(), http.StatusTooManyRequests)
			return
		}
		next(w, r)
	}
}

// count adds a request to the counter of the window, which all regions add to. The counter is given a deadline each
// time, since whoever counted first may not have come so far.
func (n *notes) count(ctx context.Context, user string) (count int64, left time.Duration, err error) {
	key, left := n.window(user)
	if count, err = n.cache.Counter(key).Add(ctx, 1); err != nil {
		return 0, left, err
	}
	_, err = n.cache.Expire(ctx, key, 2*n.rules.window)
	return count, left, err
}

// window gives the key of the counter that counts now, and for how long it does.
func (n *notes) window(user string) (key string, left time.Duration) {
	now := time.Now()
	began := now.Truncate(n.rules.window)
	return "rate:" + user + ":" + strconv.FormatInt(began.Unix(), 10), began.Add(n.rules.window).Sub(now)
}

func (n *notes) rate(w http.ResponseWriter, r *http.Request) {
	key, left := n.window(r.PathValue("user"))
	count, err := n.cache.Counter(key).Get(r.Context())
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"window": key, "requests": count, "seconds_left": int(left / time.Second)})
}

func (n *notes) read(w http.ResponseWriter, r *http.Request) {
	n.inSession(w, r, func(s *client.Session) ([]byte, error) {
		return s.Get(r.Context(), "note:"+r.PathValue("user"))
	})
}

func (n *notes) write(w http.ResponseWriter, r *http.Request) {
	note, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNote))
	if err != nil {
		http.Error(w, "a note has at most "+strconv.Itoa(maxNote)+" bytes: "+err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	n.inSession(w, r, func(s *client.Session) ([]byte, error) {
		return nil, s.Set(r.Context(), "note:"+r.PathValue("user"), note, 24*time.Hour)
	})
}

// inSession goes on with the session of the cookie, and sends its token back.
func (n *notes) inSession(w http.ResponseWriter, r *http.Request, do func(*client.Session) ([]byte, error)) {
	var token []byte
	if c, err := r.Cookie(cookie); err == nil {
		if token, err = base64.RawURLEncoding.DecodeString(c.Value); err != nil {
			begin(w, err)
			return
		}
	}
	s := n.cache.Session(client.SessionOptions{Token: token, AllowStale: true})
	answer, err := do(s)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == client.CodeSession {
		begin(w, err)
		return
	}
	if s.Stale() > 0 {
		w.Header().Set("Stale", "true")
	}
	if token = s.Token(); len(token) > 0 { // else nobody has answered
		setCookie(w, base64.RawURLEncoding.EncodeToString(token), 0)
	}
	if err != nil {
		refuse(w, err)
		return
	}
	_, _ = w.Write(answer) // who asked may be gone
}

// begin takes away a cookie that cannot be read, so that the next request begins a session.
func begin(w http.ResponseWriter, err error) {
	setCookie(w, "", -1)
	http.Error(w, "the cookie "+cookie+" is of no use and was taken away, ask again: "+err.Error(), http.StatusBadRequest)
}

func setCookie(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: value, Path: "/notes/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

// refuse answers with an error.
func refuse(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, client.ErrNotFound):
		http.Error(w, "there is no note", http.StatusNotFound)
	case errors.Is(err, client.ErrUnavailable), errors.Is(err, client.ErrOverloaded):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	case errors.Is(err, client.ErrTimeout):
		http.Error(w, err.Error(), http.StatusGatewayTimeout)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
