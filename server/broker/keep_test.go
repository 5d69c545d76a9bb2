package broker_test

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// A region whose nodes all go and come back, while another region talks to it, is heard and hears as before.
func TestARegionWithoutSubscriptionsIsNotForgotten(t *testing.T) {
	brokers := startMesh(t, "eu", "us")
	meshed(t, brokers)
	for name, open := range map[string]func(region string) *nats.Conn{
		"links":   func(region string) *nats.Conn { return linkConn(t, brokers[region]) },
		"clients": func(region string) *nats.Conn { return clientConn(t, brokers[region]) },
	} {
		t.Run(name, func(t *testing.T) {
			us := open("us")
			for range 3 {
				eu := open("eu")
				sub, err := eu.SubscribeSync("to.eu")
				if err != nil {
					t.Fatal(err)
				}
				flush(t, eu)
				eventually(t, "a message to eu", func() bool {
					publish(t, us, "to.eu", "hello")
					waiting, _, err := sub.Pending()
					return err == nil && waiting > 0
				})
				eu.Close()
				for range 100 {
					publish(t, us, "to.eu", "are you there?")
				}
			}
		})
	}
}
