package broker

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// keptSubject is what nobody publishes to.
const keptSubject = "atoll.kept"

// keep holds a subscription in each account for as long as the server runs. Without it nats-server 2.15 goes deaf to
// other regions: if a message of theirs arrives while an account has no subscription at all, because every node of the
// region is restarting, it tells them that the account has no interest, forgets that it has promised to tell them of
// each subscription, and they never hear of those that come later.
func (b *Broker) keep() error {
	for _, as := range []Credential{b.links, b.door} {
		conn, err := nats.Connect("", nats.InProcessServer(b.server), nats.UserInfo(as.User, as.Password),
			nats.Name(b.config.Name+" keeps interest"), nats.MaxReconnects(-1),
			nats.ClosedHandler(func(*nats.Conn) { b.closed <- struct{}{} }))
		if err != nil {
			return fmt.Errorf("connect to the own NATS server in this process: %w", err)
		}
		b.kept = append(b.kept, conn)
		if _, err := conn.SubscribeSync(keptSubject); err != nil {
			return fmt.Errorf("subscribe to %s: %w", keptSubject, err)
		}
		if err := conn.FlushTimeout(startTimeout); err != nil {
			return fmt.Errorf("subscribe to %s: %w", keptSubject, err)
		}
	}
	return nil
}

// release ends what keep began, and waits for the last callbacks.
func (b *Broker) release() {
	for _, conn := range b.kept {
		conn.Close()
		<-b.closed
	}
	b.kept = nil
}
