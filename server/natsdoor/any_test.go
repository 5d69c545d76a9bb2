package natsdoor_test

import (
	"maps"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/server/natsdoor"
)

// attempt is for one request: what is sent while gateways connect, or while a subscription ends, may be lost.
const attempt = 2 * time.Second

// A request to any region is answered by the own one as long as it has a node, and then by another.
func TestAnyRegion(t *testing.T) {
	brokers := startRegions(t, "eu", "us")
	doors := map[string]*natsdoor.Door{}
	for region, b := range brokers {
		door, err := natsdoor.Open(natsdoor.Config{Conn: connect(t, b.ClientConn), Cluster: "test", Region: region, Node: "n1", Behind: newLone()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeDoor(t, door) })
		doors[region] = door
	}
	conn := connect(t, func(o ...nats.Option) (*nats.Conn, error) { return nats.Connect(brokers["eu"].ClientURL(), o...) })
	for region := range brokers {
		eventually(t, region+" to answer", func() bool {
			_, err := conn.Request("atoll."+region+".v1.set", []byte(`{"args":["region","`+region+`"]}`), attempt)
			return err == nil
		})
	}
	get := func() string {
		msg, err := conn.Request("atoll.any.v1.get", []byte(`{"key":"region"}`), attempt)
		if err != nil {
			return err.Error()
		}
		return string(msg.Data)
	}
	for range 100 {
		if got := get(); got != `{"value":"eu"}` {
			t.Fatalf("while eu has a node: %s", got)
		}
	}
	closeDoor(t, doors["eu"])
	eventually(t, "us to answer", func() bool { return get() == `{"value":"us"}` })
	if _, err := conn.Request("atoll.eu.v1.get", nil, patience); err == nil {
		t.Error("eu answers without a node")
	}
}

// startRegions starts a server for each region, joined by gateways.
func startRegions(t *testing.T, regions ...string) map[string]*broker.Broker {
	t.Helper()
	addrs, ports := map[string][]string{}, map[string]int{}
	for _, region := range regions {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addrs[region], ports[region] = []string{l.Addr().String()}, l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	brokers := map[string]*broker.Broker{}
	for _, region := range regions {
		others := maps.Clone(addrs)
		delete(others, region)
		b, err := broker.Start(broker.Config{Region: region, Name: "n1", GatewayPort: ports[region], Gateways: others, PingInterval: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Stop)
		brokers[region] = b
	}
	return brokers
}
