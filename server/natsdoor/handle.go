package natsdoor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
)

// command answers one command.
func (d *Door) command(req micro.Request) {
	enc := encodingOf(req)
	r, err := readRequest(enc, lastToken(req.Subject()), req.Data(), d.longest)
	if err == nil {
		err = readSession(req.Headers(), r)
	}
	if err != nil {
		d.finish(req, enc.failure(codeOf(err), err.Error()))
		return
	}
	d.cfg.Behind.Do(r, func(a replica.Answer) { d.finish(req, enc.answer(a)) })
}

// anyCommand answers whatever a subject of any region names.
func (d *Door) anyCommand(req micro.Request) {
	name := lastToken(req.Subject())
	_, known := command.Lookup(name)
	switch {
	case name == "batch":
		d.batch(req)
	case name == "status":
		d.status(req)
	case !known:
		d.finish(req, encodingOf(req).failure("UNKNOWN", fmt.Sprintf("there is no command %q; nats service info atoll lists them", name)))
	default:
		d.command(req)
	}
}

// batch runs several commands side by side and answers when all have been.
func (d *Door) batch(req micro.Request) {
	enc := encodingOf(req)
	all, err := readBatch(enc, req.Data(), d.longest)
	var session replica.Request
	if err == nil {
		err = readSession(req.Headers(), &session)
	}
	if err != nil {
		d.finish(req, enc.failure(codeOf(err), err.Error()))
		return
	}
	if len(all) == 0 {
		d.finish(req, enc.batch(nil))
		return
	}
	sum := &results{left: len(all), answers: make([]replica.Answer, len(all))}
	sum.done = func() { d.finish(req, sum.message(enc, d.cfg.Cluster)) }
	for i, one := range all {
		one.Session, one.Wait = session.Session, session.Wait
		d.cfg.Behind.Do(one, func(a replica.Answer) { sum.add(i, a) })
	}
}

// results gathers the answers of a batch.
type results struct {
	mu      sync.Mutex // guards what stands below
	left    int
	answers []replica.Answer
	done    func()
}

func (r *results) add(i int, a replica.Answer) {
	r.mu.Lock()
	r.answers[i] = a
	r.left--
	last := r.left == 0
	r.mu.Unlock()
	if last {
		r.done()
	}
}

// message is the answer to the batch. Its token has seen what every command has.
func (r *results) message(enc encoding, cluster string) message {
	m := enc.batch(r.answers)
	all := replica.Answer{}
	var tokens [][]byte
	for i := range r.answers {
		all.Stale = all.Stale || r.answers[i].Stale
		if r.answers[i].Session != nil {
			tokens = append(tokens, r.answers[i].Session)
		}
	}
	if len(tokens) > 0 {
		joined, err := replica.JoinSessions(cluster, tokens...)
		if err != nil {
			return enc.failure("ERR", "the tokens of the commands cannot be joined: "+err.Error())
		}
		all.Session = joined
	}
	m.seen(&all)
	return m
}

// rawGet answers with the bare value of a key.
func (d *Door) rawGet(req micro.Request) {
	r, err := readRaw(req, "get")
	if err != nil {
		d.finish(req, rawFailure(codeBad, err.Error()))
		return
	}
	d.cfg.Behind.Do(r, func(a replica.Answer) {
		m := rawAnswer(&a)
		if a.Reply.Type == command.Nil {
			m.fail("NOTFOUND", "the key does not exist")
		}
		m.payload = a.Reply.Bytes
		if a.Reply.Type == command.Error {
			m.payload = nil
		}
		d.finish(req, m)
	})
}

// rawSet sets a key to the payload.
func (d *Door) rawSet(req micro.Request) {
	r, err := readRaw(req, "set")
	if err != nil {
		d.finish(req, rawFailure(codeBad, err.Error()))
		return
	}
	r.Args = append(r.Args, req.Data())
	if ttl := req.Headers().Get(headerTTL); ttl != "" {
		r.Args = append(r.Args, []byte("PX"), []byte(ttl))
	}
	d.cfg.Behind.Do(r, func(a replica.Answer) { d.finish(req, rawAnswer(&a)) })
}

// readRaw reads the key behind a command in a subject, and the headers.
func readRaw(req micro.Request, name string) (*replica.Request, error) {
	_, text, _ := strings.Cut(req.Subject(), ".v1.raw."+name+".")
	key, err := UnescapeKey(text)
	if err != nil {
		return nil, err
	}
	h := req.Headers()
	level, regions, err := readLevel(h.Get(headerAck))
	if err != nil {
		return nil, err
	}
	timeout, err := millis(h, headerTimeout)
	if err != nil {
		return nil, err
	}
	r := &replica.Request{Args: [][]byte{[]byte(name), key}, Level: level, Regions: regions, Timeout: timeout}
	return r, readSession(h, r)
}

func rawFailure(code, text string) message {
	var m message
	m.fail(code, text)
	return m
}

// rawAnswer is all of an answer but its value.
func rawAnswer(a *replica.Answer) message {
	var m message
	m.seen(a)
	if a.Reply.Type == command.Error {
		m.fail(a.Reply.Code, string(a.Reply.Bytes))
	}
	if level := levelName(*a); level != "" {
		m.set(headerAck, level)
	}
	if a.Short {
		m.set(headerShort, strconv.FormatBool(true))
	}
	return m
}

func (d *Door) status(req micro.Request) {
	d.finish(req, encodingOf(req).document(d.cfg.Behind.Status()))
}

func (d *Door) directory(req micro.Request) {
	d.finish(req, encodingOf(req).document(d.cfg.Behind.Directory()))
}

func (d *Door) digests(req micro.Request) {
	d.finish(req, encodingOf(req).document(d.cfg.Behind.Digests()))
}

// forget declares the node or region that the request names dead for good.
func (d *Door) forget(req micro.Request) {
	enc := encodingOf(req)
	r, err := readRequest(enc, "forget", req.Data(), d.longest)
	if err == nil && len(r.Args) != 2 {
		err = errors.New("forget takes the name of one node or region")
	}
	if err != nil {
		d.finish(req, enc.failure(codeOf(err), err.Error()))
		return
	}
	if err := d.cfg.Behind.Forget(string(r.Args[1])); err != nil {
		d.finish(req, enc.failure(codeOf(err), err.Error()))
		return
	}
	d.finish(req, enc.document("OK"))
}

// drain has the node leave, after it has said so: the door is closed on the way.
func (d *Door) drain(req micro.Request) {
	d.cfg.Behind.Drain()
	d.finish(req, encodingOf(req).document("draining"))
}
