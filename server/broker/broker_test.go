package broker_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/server/broker"
	"github.com/atollcache/atoll/transport"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPeer is the credential of the servers in tests.
var testPeer = broker.Credential{User: "server", Password: "between servers"}

func TestAccountsAreIsolated(t *testing.T) {
	b := start(t, broker.Config{Region: "eu", Name: "n1"})
	links, door, stranger := linkConn(t, b), clientConn(t, b), connect(t, b.ClientURL())

	everything := func(conn *nats.Conn) *nats.Subscription {
		sub, err := conn.SubscribeSync(">")
		if err != nil {
			t.Fatal(err)
		}
		flush(t, conn)
		return sub
	}
	atLinks, atDoor, atStranger := everything(links), everything(door), everything(stranger)

	publish(t, stranger, "atoll.shop.link.eu.n1", "forged")
	publish(t, links, "atoll.shop.link.eu.n1", "replication")
	publish(t, door, "atoll.eu.v1.changes.k", "event")

	expect(t, atLinks, "replication")
	expect(t, atDoor, "forged", "event")
	expect(t, atStranger, "forged", "event")
}

func TestStrangersCannotLogInToTheLinks(t *testing.T) {
	b := start(t, broker.Config{Region: "eu", Name: "n1"})
	for _, password := range []string{"", "atoll-links", "guess"} {
		conn, err := nats.Connect(b.ClientURL(), nats.UserInfo("atoll-links", password))
		if err == nil {
			conn.Close()
			t.Errorf("the password %q logs in to the links", password)
		}
	}
}

func TestClientsNeedTheirCredentialsOnceThereAreAny(t *testing.T) {
	clients := []broker.Credential{
		{User: "app", Password: "secret"},
		{User: "hashed", Password: "$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"}, // of abc
	}
	b := start(t, broker.Config{Region: "eu", Name: "n1", Clients: clients})
	connect(t, b.ClientURL(), nats.UserInfo("hashed", "abc"))
	if conn, err := nats.Connect(b.ClientURL()); err == nil {
		conn.Close()
		t.Error("a client without credentials is let in")
	}
	app, door := connect(t, b.ClientURL(), nats.UserInfo("app", "secret")), clientConn(t, b)

	sub, err := door.SubscribeSync("hello")
	if err != nil {
		t.Fatal(err)
	}
	flush(t, door)
	publish(t, app, "hello", "from app")
	expect(t, sub, "from app")
}

func TestServersOfOneRegionAreOneCluster(t *testing.T) {
	first := start(t, broker.Config{Region: "eu", Name: "n1", ClusterPort: -1, Peer: testPeer})
	second := start(t, broker.Config{Region: "eu", Name: "n2", Routes: []string{first.RouteAddr()}, Peer: testPeer})
	eventually(t, "the two to find each other", func() bool {
		return slices.Equal(first.Peers(), []string{"eu-n2"}) && slices.Equal(second.Peers(), []string{"eu-n1"})
	})

	got := make(chan string, 10)
	receiver, sender := linkConn(t, second), linkConn(t, first)
	openTransport(t, receiver, "eu", "n2", got)
	from := openTransport(t, sender, "eu", "n1", nil)
	arrives(t, from, transport.Address{Region: "eu", Node: "n2"}, got)
}

func TestServersWithoutTheCredentialAreTurnedAway(t *testing.T) {
	first := start(t, broker.Config{Region: "eu", Name: "n1", ClusterPort: -1, Peer: testPeer})
	wrong := broker.Credential{User: testPeer.User, Password: "wrong"}
	stranger := start(t, broker.Config{Region: "eu", Name: "n2", Routes: []string{first.RouteAddr()}, Peer: wrong})
	friend := start(t, broker.Config{Region: "eu", Name: "n3", Routes: []string{first.RouteAddr()}, Peer: testPeer})
	eventually(t, "the friend", func() bool { return slices.Equal(friend.Peers(), []string{"eu-n1"}) })
	if peers := append(first.Peers(), stranger.Peers()...); !slices.Equal(peers, []string{"eu-n3"}) {
		t.Errorf("connected are %q, want only eu-n3", peers)
	}
}

func TestRegionsMeshThroughGateways(t *testing.T) {
	began := time.Now()
	brokers := startMesh(t, "ap", "eu", "us")
	meshed(t, brokers)
	t.Logf("three regions meshed in %v, starts included", time.Since(began).Round(time.Millisecond))

	for from, sender := range brokers {
		for to, receiver := range brokers {
			if from == to {
				continue
			}
			t.Run(from+" to "+to, func(t *testing.T) {
				got := make(chan string, 100)
				openTransport(t, linkConn(t, receiver), to, "n1", got)
				link := openTransport(t, linkConn(t, sender), from, "n1", nil)
				arrives(t, link, transport.Address{Region: to, Node: "n1"}, got)
			})
		}
	}
}

func TestBroadcastCrossesGateways(t *testing.T) {
	brokers := startMesh(t, "eu", "us")
	meshed(t, brokers)
	got := make(chan string, 100)
	openTransport(t, linkConn(t, brokers["us"]), "us", "n1", got)
	from := openTransport(t, linkConn(t, brokers["eu"]), "eu", "n1", got)
	eventually(t, "a broadcast from eu in us", func() bool {
		if err := from.Broadcast([]byte("announced")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-got:
			return true
		default:
			return false
		}
	})
}

func TestUnknownRegionsAreTurnedAway(t *testing.T) {
	eu := start(t, broker.Config{Region: "eu", Name: "n1", GatewayPort: -1, Gateways: map[string][]string{"us": {unused(t)}}})
	rogue := start(t, broker.Config{Region: "rogue", Name: "n1", Gateways: map[string][]string{"eu": {eu.GatewayAddr()}}})
	us := start(t, broker.Config{Region: "us", Name: "n1", Gateways: map[string][]string{"eu": {eu.GatewayAddr()}}})
	eventually(t, "us to connect", func() bool { return slices.Equal(eu.Gateways().Inbound, []string{"us"}) })
	eventually(t, "the rogue to be rejected", func() bool { return len(rogue.Gateways().Outbound) == 0 })
	if inbound := eu.Gateways().Inbound; !slices.Equal(inbound, []string{"us"}) {
		t.Errorf("inbound are %q", inbound)
	}
	_ = us
}

func TestTakenPortIsNamed(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port

	for flag, config := range map[string]broker.Config{
		"client-port":  {Region: "eu", Name: "n1", ClientPort: port},
		"cluster-port": {Region: "eu", Name: "n1", ClusterPort: port},
		"gateway-port": {Region: "eu", Name: "n1", GatewayPort: port},
	} {
		t.Run(flag, func(t *testing.T) {
			b, err := broker.Start(config)
			if err == nil {
				b.Stop()
				t.Fatal("a taken port gave no error")
			}
			inUse, ok := errors.AsType[*broker.PortInUseError](err)
			if !ok || inUse.Port != port || inUse.Flag != flag {
				t.Errorf("the error is %v", err)
			}
			want := fmt.Sprintf("port %d on 127.0.0.1 is already in use by another process; choose another with --%s", port, flag)
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error is %q, want it to contain %q", err, want)
			}
		})
	}
}

func TestForeignAddressIsNamed(t *testing.T) {
	config := broker.Config{Region: "eu", Name: "n1", Host: "192.0.2.1", Insecure: true}
	b, err := broker.Start(config)
	if err == nil {
		b.Stop()
		t.Fatal("an address of nobody gave no error")
	}
	if !strings.Contains(err.Error(), "192.0.2.1 is not an address of this machine") {
		t.Errorf("the error is %q", err)
	}
}

func TestStopEndsEverything(t *testing.T) {
	ignore := goleak.IgnoreCurrent()
	config := broker.Config{Region: "eu", Name: "n1", ClusterPort: -1, Gateways: map[string][]string{"us": {unused(t)}}}
	for range 3 {
		b, err := broker.Start(config)
		if err != nil {
			t.Fatal(err)
		}
		b.Stop()
		b.Stop()
	}
	goleak.VerifyNone(t, ignore)
}

// A restart on the same ports, while the other region stays, is found again by both.
func TestRestartedRegionIsMetAgain(t *testing.T) {
	brokers := startMesh(t, "eu", "us")
	meshed(t, brokers)
	addr := brokers["us"].GatewayAddr()
	_, port, _ := net.SplitHostPort(addr)
	brokers["us"].Stop()
	eventually(t, "eu to notice", func() bool { return len(brokers["eu"].Gateways().Outbound) == 0 })

	config := broker.Config{Region: "us", Name: "n1", Gateways: map[string][]string{"eu": {brokers["eu"].GatewayAddr()}}, Peer: testPeer, PingInterval: time.Second}
	_, _ = fmt.Sscan(port, &config.GatewayPort)
	brokers["us"] = start(t, config)
	began := time.Now()
	meshed(t, brokers)
	t.Logf("meshed %v after the restart", time.Since(began).Round(time.Millisecond))
}
