package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// LoaderOptions say how long loaded values are good for. The zero value keeps them for a minute.
type LoaderOptions struct {
	// TTL is how long a value is good for; a minute by default.
	TTL time.Duration

	// NegativeTTL is how long it is remembered that there is nothing to load, which the load function tells by an error
	// that is [ErrNotFound]. By default it is not.
	NegativeTTL time.Duration

	// StaleIfError is how long after its TTL a value may still be given when loading fails. By default not at all.
	StaleIfError time.Duration

	// EarlyRefresh has a value that is still good loaded anew by one of its readers, the sooner the longer loading takes
	// and the nearer its end is, so that not all come at once when it ends. It is the β of XFetch (Vattani, Chierichetti
	// and Lowenstein, "Optimal probabilistic cache stampede prevention", 2015): 1 by default, more is earlier, negative
	// never.
	EarlyRefresh float64

	// LoadTimeout bounds one load; 10 s by default.
	LoadTimeout time.Duration

	// Codec is that of the values; that of [Options] by default.
	Codec Codec
}

func (o LoaderOptions) withDefaults(c Commands) LoaderOptions {
	if o.TTL == 0 {
		o.TTL = time.Minute
	}
	if o.EarlyRefresh == 0 {
		o.EarlyRefresh = 1
	}
	if o.LoadTimeout == 0 {
		o.LoadTimeout = 10 * time.Second
	}
	if o.Codec == nil {
		o.Codec = c.c.options.Codec
	}
	return o
}

// A Loader gives values from the cache, and loads those that are not there from where they come from, as from a
// database. Of all callers in this process that want the same key one loads, and the others wait for it; processes do
// not know of each other, but early refresh lets them seldom come together.
//
//	users := client.NewLoader(c.Commands, loadUser, client.LoaderOptions{TTL: time.Hour, NegativeTTL: time.Minute})
//	ada, err := users.GetOrLoad(ctx, "user:1")
//
// Where no region can be reached it loads all the same, and what it loads is not kept. The values have a short head in
// front, so they are read by loaders alone.
type Loader[T any] struct {
	c       Commands
	load    func(ctx context.Context, key string) (T, error)
	options LoaderOptions

	mu      sync.Mutex // guards flights
	flights map[string]*loading[T]
}

// loading is a load that several may wait for.
type loading[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// NewLoader makes a loader. The load function may be called by many goroutines, for different keys at a time; its
// context ends when the client is closed, not when who waits for it gives up.
func NewLoader[T any](c Commands, load func(ctx context.Context, key string) (T, error), options LoaderOptions) *Loader[T] {
	return &Loader[T]{c: c, load: load, options: options.withDefaults(c), flights: map[string]*loading[T]{}}
}

// GetOrLoad gives the value of a key.
func (l *Loader[T]) GetOrLoad(ctx context.Context, key string) (T, error) {
	raw, err := l.c.Get(ctx, key)
	if ctx.Err() != nil || errors.Is(err, ErrClosed) {
		var none T
		return none, err
	}
	var kept record[T]
	if err == nil || soft(err) {
		kept = readRecord[T](raw, l.options.Codec)
	}
	now := time.Now()
	if !kept.good(now) {
		return l.wait(ctx, key, kept)
	}
	if kept.due(now, l.options.EarlyRefresh) {
		l.join(ctx, key)
	}
	return kept.result(key)
}

// Forget removes a key, so that it is loaded anew by who wants it next.
func (l *Loader[T]) Forget(ctx context.Context, key string) error {
	_, err := l.c.Del(ctx, key)
	return err
}

// wait waits for a load. If that fails, a value that is not good any more may do.
func (l *Loader[T]) wait(ctx context.Context, key string, kept record[T]) (T, error) {
	var none T
	f := l.join(ctx, key)
	if f == nil {
		return none, about(&Error{Code: CodeClosed, Message: ErrClosed.Error()}, &Call{Args: [][]byte{[]byte("load"), []byte(key)}}, "")
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return none, about(ended(ctx, false), &Call{Args: [][]byte{[]byte("load"), []byte(key)}}, "")
	}
	failed := f.err != nil && !errors.Is(f.err, ErrNotFound)
	if failed && kept.present() && time.Now().Before(kept.until.Add(l.options.StaleIfError)) {
		l.c.c.stats.staleServed.Add(1)
		return kept.result(key)
	}
	return f.value, f.err
}

// join gives the load of a key that is under way, or begins one; nil if the client is closed.
func (l *Loader[T]) join(ctx context.Context, key string) *loading[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.flights[key]; f != nil {
		l.c.c.stats.loadsShared.Add(1)
		return f
	}
	f := &loading[T]{done: make(chan struct{})}
	if !l.c.c.loads.start(ctx, func(ctx context.Context) { l.run(ctx, key, f) }) {
		return nil
	}
	l.flights[key] = f
	return f
}

// run loads a value and keeps it.
func (l *Loader[T]) run(ctx context.Context, key string, f *loading[T]) {
	ctx, cancel := context.WithTimeout(ctx, l.options.LoadTimeout)
	defer cancel()
	l.c.c.stats.loads.Add(1)
	began := time.Now()
	defer func() {
		l.mu.Lock()
		delete(l.flights, key)
		l.mu.Unlock()
		close(f.done)
	}()
	f.value, f.err = l.load(ctx, key)

	ttl := l.options.TTL
	if errors.Is(f.err, ErrNotFound) {
		ttl = l.options.NegativeTTL
	} else if f.err != nil {
		return
	}
	if ttl <= 0 {
		return
	}
	kept := record[T]{value: f.value, none: f.err != nil, until: time.Now().Add(ttl), took: time.Since(began)}
	raw, err := kept.write(l.options.Codec)
	if err != nil {
		f.err = fmt.Errorf("load %s: the value cannot be encoded: %w", key, err)
		return
	}
	_ = l.c.Set(ctx, key, raw, ttl+l.options.StaleIfError) // the value is good even if it could not be kept
}

// record is a value as loaders keep it: a byte for the form, 8 for the millisecond until which it is good, 4 for the
// milliseconds that loading took, then the value, which is missing if there was nothing to load.
type record[T any] struct {
	value T
	none  bool
	until time.Time // zero if there is no record
	took  time.Duration
}

// The forms.
const (
	formValue = 0xa1
	formNone  = 0xa2
	headSize  = 13
)

func (r *record[T]) present() bool { return !r.until.IsZero() }

func (r *record[T]) good(now time.Time) bool { return now.Before(r.until) }

// due says whether this reader should load the value anew although it is good.
func (r *record[T]) due(now time.Time, beta float64) bool {
	if beta < 0 {
		return false
	}
	early := -float64(r.took) * beta * math.Log(1-rand.Float64())
	return float64(r.until.Sub(now)) <= early
}

func (r *record[T]) result(key string) (T, error) {
	if r.none {
		return r.value, &Error{Code: CodeNotFound, Op: "load", Key: key, Message: "there was nothing to load"}
	}
	return r.value, nil
}

func (r *record[T]) write(codec Codec) ([]byte, error) {
	raw := make([]byte, 1, headSize)
	raw[0] = formNone
	if !r.none {
		raw[0] = formValue
	}
	raw = binary.BigEndian.AppendUint64(raw, uint64(r.until.UnixMilli()))
	raw = binary.BigEndian.AppendUint32(raw, uint32(min(r.took.Milliseconds(), math.MaxUint32)))
	if r.none {
		return raw, nil
	}
	value, err := codec.Marshal(r.value)
	return append(raw, value...), err
}

// readRecord reads a record; what is none counts as not there, and is loaded over.
func readRecord[T any](raw []byte, codec Codec) (r record[T]) {
	if len(raw) < headSize || raw[0] != formValue && raw[0] != formNone {
		return r
	}
	until := time.UnixMilli(int64(binary.BigEndian.Uint64(raw[1:9])))
	took := time.Duration(binary.BigEndian.Uint32(raw[9:headSize])) * time.Millisecond
	if raw[0] == formNone {
		return record[T]{none: true, until: until, took: took}
	}
	var value T
	if codec.Unmarshal(raw[headSize:], &value) != nil {
		return r
	}
	return record[T]{value: value, until: until, took: took}
}
