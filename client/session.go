package client

import (
	"context"
	"slices"
	"sync"
	"time"
)

// SessionOptions say how a session goes on, and how patient it is.
type SessionOptions struct {
	// Token goes on with a session that began elsewhere, as in another process. Nil begins one.
	Token []byte

	// Wait is how long a node waits for what the session has seen and it has not; 500 ms by default, not at all if
	// negative. Then it answers with what it has, and the answer is stale.
	Wait time.Duration

	// AllowStale gives stale answers like any others, and counts them. Otherwise they come with [ErrStale].
	AllowStale bool
}

// A Session runs commands that see what the session has written (read your writes), and nothing older than what it has
// read (monotonic reads), also when a node or region fails and another takes over. What cannot be kept in time is told:
// the answer comes with [ErrStale].
//
// The commands of a session run one after the other; others wait. Its methods may be called by any goroutine.
type Session struct {
	Commands
	options SessionOptions
	turn    chan struct{} // holds a token while a command runs

	mu    sync.Mutex // guards what stands below
	token []byte
	stale uint64
}

// Session begins a session, or goes on with one.
func (c *Client) Session(options SessionOptions) *Session {
	s := &Session{options: options, turn: make(chan struct{}, 1), token: slices.Clone(options.Token)}
	if s.token == nil {
		s.token = []byte{}
	}
	s.Commands = Commands{c: c, session: s}
	return s
}

// Token gives what the session has seen, in some hundred bytes, at most 2800: a cookie can carry it in base64 to where
// the session goes on. It holds no secret, but tells how much is written.
func (s *Session) Token() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.token)
}

// Stale counts the answers that may have been older than what the session had seen.
func (s *Session) Stale() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stale
}

// With gives the commands of the session with another acknowledgement level.
func (s *Session) With(ack Ack) Commands { return Commands{c: s.c, session: s, ack: ack} }

// run runs a command when it is its turn.
func (s *Session) run(ctx context.Context, call *Call) (Answer, error) {
	if err := s.enter(ctx); err != nil {
		return Answer{}, about(err, call, "")
	}
	defer s.leave()
	s.prepare(call)
	a, err := s.c.run(ctx, call)
	s.saw(&a)
	return a, err
}

func (s *Session) runBatch(ctx context.Context, calls []*Call) ([]Answer, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	for _, call := range calls {
		s.prepare(call)
	}
	all, err := s.c.runBatch(ctx, calls)
	if len(all) > 0 {
		s.saw(&all[0]) // each has the token of all
	}
	return all, err
}

func (s *Session) enter(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ended(ctx, false)
	}
}

func (s *Session) leave() { <-s.turn }

func (s *Session) prepare(call *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	call.Session, call.Wait = s.token, s.options.Wait
}

// saw takes over what an answer has shown.
func (s *Session) saw(a *Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Session != nil {
		s.token = a.Session
	}
	if a.Stale {
		s.stale++
	}
}
