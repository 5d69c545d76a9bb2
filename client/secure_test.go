package client_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/atollcache/atoll/client"
)

// authority signs certificates.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	raw := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key))
	a.cert = must[*x509.Certificate](t)(x509.ParseCertificate(raw))
	a.pool.AddCert(a.cert)
	return a
}

// issue gives a certificate for this machine, to serve and to call.
func (a *authority) issue(name string) tls.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key := must[*ecdsa.PrivateKey](a.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	raw := must[[]byte](a.t)(x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key))
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
}

// run runs a NATS server that is not Atoll's.
func run(t testing.TB, o *natsserver.Options) *natsserver.Server {
	t.Helper()
	o.Host, o.Port, o.NoSigs, o.NoLog, o.MaxPayload = "127.0.0.1", natsserver.RANDOM_PORT, true, true, 8<<20
	s := must[*natsserver.Server](t)(natsserver.NewServer(o))
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server does not start")
	}
	return s
}

// A server that wants TLS and a certificate of the client gets both, and whoever lacks one of them is told what is wrong.
func TestTLS(t *testing.T) {
	trusted, strange := newAuthority(t), newAuthority(t)
	s := run(t, &natsserver.Options{TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{trusted.issue("server")}, ClientCAs: trusted.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, TLSTimeout: 5})
	known := &tls.Config{RootCAs: trusted.pool, Certificates: []tls.Certificate{trusted.issue("client")}}
	r := scriptedAt(t, s, nats.Secure(known))
	r.answer("atoll.eu.node.*.v1.get", func() string { return "\xa1\x65value\x41v" })
	address := strings.TrimPrefix(strings.TrimPrefix(r.url, "tls://"), "nats://")

	for _, seed := range []string{"eu=tls://" + address, "eu=" + address} {
		c := connected(t, client.Options{Seeds: []string{seed}, TLS: known})
		if v := must[[]byte](t)(c.Get(t.Context(), "k")); string(v) != "v" {
			t.Errorf("%s: %q", seed, v)
		}
	}
	for what, config := range map[string]*tls.Config{
		"an authority of its own":  nil,
		"another authority":        {RootCAs: strange.pool, Certificates: known.Certificates},
		"no certificate":           {RootCAs: trusted.pool},
		"a stranger's certificate": {RootCAs: trusted.pool, Certificates: []tls.Certificate{strange.issue("client")}},
	} {
		_, err := client.Connect(t.Context(), client.Options{Seeds: []string{"eu=tls://" + address}, TLS: config, ConnectTimeout: 500 * time.Millisecond})
		if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(err.Error(), "tls") && !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A file of NATS credentials logs in, over a broken connection again; one of somebody else does not.
func TestCredentials(t *testing.T) {
	operator, account := must[nkeys.KeyPair](t)(nkeys.CreateOperator()), must[nkeys.KeyPair](t)(nkeys.CreateAccount())
	public := func(k nkeys.KeyPair) string { return must[string](t)(k.PublicKey()) }
	resolver := &natsserver.MemAccResolver{}
	if err := resolver.Store(public(account), must[string](t)(jwt.NewAccountClaims(public(account)).Encode(operator))); err != nil {
		t.Fatal(err)
	}
	s := run(t, &natsserver.Options{TrustedKeys: []string{public(operator)}, AccountResolver: resolver})
	file := func(name string, of nkeys.KeyPair) string {
		user := must[nkeys.KeyPair](t)(nkeys.CreateUser())
		token := must[string](t)(jwt.NewUserClaims(public(user)).Encode(of))
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, must[[]byte](t)(jwt.FormatUserConfig(token, must[[]byte](t)(user.Seed()))), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := scriptedAt(t, s, nats.UserCredentials(file("node.creds", account)))
	r.answer("atoll.eu.node.*.v1.get", func() string { return "\xa1\x65value\x41v" })

	g := newGate(t, r.url)
	c := connected(t, client.Options{Seeds: []string{"eu=" + g.addr()}, Credentials: file("app.creds", account)})
	get := func() bool { v, err := c.Get(t.Context(), "k"); return err == nil && string(v) == "v" }
	if !get() {
		t.Error("no answer")
	}
	g.set(isCut)
	eventually(t, "the connection is gone", func() bool { return !circuitOf(c, "eu").Connected })
	g.set(isOpen)
	eventually(t, "it has logged in again", get)

	stranger := must[nkeys.KeyPair](t)(nkeys.CreateAccount())
	_, err := client.Connect(t.Context(), client.Options{Seeds: []string{"eu=" + r.url}, Credentials: file("other.creds", stranger), ConnectTimeout: 500 * time.Millisecond})
	if !errors.Is(err, client.ErrUnavailable) || !strings.Contains(strings.ToLower(err.Error()), "authorization") {
		t.Errorf("%v", err)
	}
	_, err = client.Connect(t.Context(), client.Options{Seeds: []string{"eu=" + r.url}, Credentials: filepath.Join(t.TempDir(), "none.creds"), ConnectTimeout: 500 * time.Millisecond})
	if err == nil {
		t.Error("a file that does not exist")
	} else {
		t.Log(err)
	}
}
