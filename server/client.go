package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/client"
	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/server/broker"
)

// Client gives a client that runs its commands on this node, in the same process: what the node holds is read and
// written without a message. It stays with the node, and does not fail over to another region. Close it before the node
// is stopped.
func (n *Node) Client(options client.Options) (*client.Client, error) {
	return client.New(&embedded{n: n}, options)
}

// embedded is the node as the backend of a client.
type embedded struct {
	n *Node

	gets sync.Pool

	mu    sync.Mutex // guards feeds
	feeds []*ears
}

// getRequest is a GET that is used again, with room for its arguments.
type getRequest struct {
	replica.Request
	args [2][]byte
	room [64]byte
}

// Get gives a string if the node can at once. It goes the way of Run but for the forms in between.
func (e *embedded) Get(key string) (client.Reply, bool, error) {
	if phase(e.n.phase.Load()) == stopped {
		return client.Reply{}, false, nil
	}
	g, ok := e.gets.Get().(*getRequest)
	if !ok {
		g = &getRequest{}
		g.args[0] = []byte("get")
		g.Args = g.args[:]
	}
	g.args[1] = append(g.room[:0], key...)
	a, ok := e.n.try(&g.Request)
	e.gets.Put(g)
	if ok && a.Reply.Type == command.Error {
		return client.Reply{}, true, e.refused(&client.Call{Args: [][]byte{[]byte("get"), []byte(key)}}, &a.Reply)
	}
	return translate(&a.Reply), ok, nil
}

// Run runs a command, at once if the node can.
func (e *embedded) Run(ctx context.Context, c *client.Call) (client.Answer, error) {
	if phase(e.n.phase.Load()) == stopped {
		return client.Answer{}, client.NewError(client.CodeUnavailable, c, e.n.cfg.Region, ErrStopped.Error(), ErrStopped, false)
	}
	if a, ok := e.n.try(request(c, c.Args)); ok {
		return e.answer(c, &a)
	}
	return e.wait(ctx, c)
}

// wait runs a command that others have a part in, and waits for its answer. It may be under way when the caller has
// given up, so it has arguments of its own.
func (e *embedded) wait(ctx context.Context, c *client.Call) (client.Answer, error) {
	args := make([][]byte, len(c.Args))
	for i := range args {
		args[i] = bytes.Clone(c.Args[i])
	}
	answers := make(chan replica.Answer, 1)
	e.n.run(request(c, args), func(a replica.Answer) { answers <- a })
	select {
	case a := <-answers:
		return e.answer(c, &a)
	case <-ctx.Done():
		code, text := client.CodeTimeout, "no answer in time"
		if errors.Is(ctx.Err(), context.Canceled) {
			code, text = client.CodeCanceled, "canceled by the caller"
		}
		return client.Answer{}, client.NewError(code, c, e.n.cfg.Region, text, context.Cause(ctx), true)
	case <-e.n.done:
		return client.Answer{}, client.NewError(client.CodeUnavailable, c, e.n.cfg.Region, ErrStopped.Error(), ErrStopped, true)
	}
}

func request(c *client.Call, args [][]byte) *replica.Request {
	return &replica.Request{
		Args: args, Level: replica.Level(c.Ack.Level), Regions: c.Ack.Regions, Timeout: c.Ack.Within, Session: c.Session, Wait: c.Wait,
	}
}

// RunBatch runs commands side by side; those of a session one after the other, since each has a token for the next.
func (e *embedded) RunBatch(ctx context.Context, calls []*client.Call) ([]client.Answer, error) {
	all := make([]client.Answer, len(calls))
	token := calls[0].Session
	for i, c := range calls {
		c.Session = token
		a, err := e.Run(ctx, c)
		if failure, ok := errors.AsType[*client.Error](err); ok {
			a.Err = failure
		}
		if a.Session != nil {
			token = a.Session
		}
		all[i] = a
	}
	all[0].Session = token
	return all, nil
}

func (e *embedded) refused(c *client.Call, r *command.Reply) error {
	return client.NewError(client.Code(r.Code), c, e.n.cfg.Region, string(r.Bytes), nil, false)
}

func (e *embedded) answer(c *client.Call, a *replica.Answer) (client.Answer, error) {
	if a.Reply.Type == command.Error {
		return client.Answer{Region: e.n.cfg.Region, Session: a.Session}, e.refused(c, &a.Reply)
	}
	reached := client.Ack{Level: client.Level(a.Level), Regions: a.Regions}
	return client.Answer{
		Reply: translate(&a.Reply), Reached: reached.String(), Short: a.Short, Session: a.Session, Stale: a.Stale,
		Region: e.n.cfg.Region, First: a.Leads,
	}, nil
}

// translate gives a reply as clients know it.
func translate(r *command.Reply) client.Reply {
	out := client.Reply{Int: r.Int, Bytes: r.Bytes}
	switch r.Type {
	case command.Status:
		out.Kind, out.Bytes = client.Text, []byte(r.Code)
	case command.Float:
		out.Kind = client.Text
	case command.Int:
		out.Kind = client.Int
	case command.Bytes:
		out.Kind = client.Bytes
	case command.Array:
		out.Kind = client.Array
	case command.Map:
		out.Kind = client.Pairs
	case command.Nil, command.Error:
		out.Kind = client.Nil
	}
	if len(r.List) > 0 {
		out.List = make([]client.Reply, len(r.List))
		for i := range r.List {
			out.List[i] = translate(&r.List[i])
		}
	}
	return out
}

// Close ends what watches.
func (e *embedded) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.feeds {
		_ = f.Close()
	}
	e.feeds = nil
	return nil
}

// ears hear the changes of the region, those that other nodes tell as well; so over NATS, on a connection of their own.
type ears struct {
	conn   *nats.Conn
	inbox  chan *nats.Msg
	broken chan struct{} // holds one signal that something was lost
	stop   chan struct{}
	over   sync.WaitGroup
	once   sync.Once
	closed chan struct{}
}

// earRoom is how many events may wait.
const earRoom = 8192

// Watch hears what changes in the region.
func (e *embedded) Watch(_ context.Context, hear func(client.Event)) (io.Closer, error) {
	if !e.n.cfg.Changes {
		return nil, fmt.Errorf("watch: the nodes do not publish changes; set Config.Changes on all of the region")
	}
	f := &ears{inbox: make(chan *nats.Msg, earRoom), broken: make(chan struct{}, 1), stop: make(chan struct{}), closed: make(chan struct{})}
	conn, err := e.n.listener(f)
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	f.conn = conn
	for _, subject := range client.Subjects() {
		if _, err = conn.ChanSubscribe("atoll."+e.n.cfg.Region+".v1."+subject, f.inbox); err != nil {
			break
		}
	}
	if err == nil {
		err = conn.FlushTimeout(time.Second)
	}
	if err != nil {
		conn.Close()
		<-f.closed
		return nil, fmt.Errorf("watch: %w", err)
	}
	t := client.NewTracker(e.n.cfg.Region, hear)
	t.Reset()
	f.over.Go(func() { f.listen(t) })
	e.mu.Lock()
	e.feeds = append(e.feeds, f)
	e.mu.Unlock()
	return f, nil
}

func (f *ears) listen(t *client.Tracker) {
	for {
		select {
		case msg := <-f.inbox:
			t.Take(msg.Data)
		case <-f.broken:
			t.Reset()
		case <-f.stop:
			return
		}
	}
}

// Close ends it.
func (f *ears) Close() error {
	f.once.Do(func() { close(f.stop) })
	f.over.Wait()
	f.conn.Close()
	<-f.closed
	return nil
}

// listener connects to the account of the clients, to hear.
func (n *Node) listener(f *ears) (*nats.Conn, error) {
	lost := func() { signal(f.broken) }
	options := []nats.Option{
		nats.MaxReconnects(-1), nats.ReconnectWait(lookInterval),
		nats.ReconnectHandler(func(*nats.Conn) { lost() }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) { lost() }),
		nats.ClosedHandler(func(*nats.Conn) { close(f.closed) }),
	}
	if n.wires.broker != nil {
		return n.wires.broker.ClientConn(options...)
	}
	if as := n.secrets.door; as != (broker.Credential{}) {
		options = append(options, nats.UserInfo(as.User, as.Password))
	}
	return nats.Connect(n.cfg.NATS, append(options, nats.Name(n.cfg.Region+"-"+n.cfg.Name+" changes"))...)
}
