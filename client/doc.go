// Package client is how Go services use Atoll: a cache that every region can read and write at once.
//
//	c, err := client.Connect(ctx, client.Options{Seeds: []string{"eu=10.0.0.1:4222", "us=10.1.0.1:4222"}, Home: "eu"})
//	…
//	defer c.Close()
//	err = c.Set(ctx, "greeting", []byte("hello"), time.Hour)
//	value, err := c.Get(ctx, "greeting")
//	if errors.Is(err, client.ErrNotFound) { … }
//	visits, err := c.Counter("visits").Add(ctx, 1)
//
// The zero Options connect to what `atoll up` opens on this machine.
//
// # Where a command goes
//
// The client asks its home region, and there the first owner of the key, directly: it knows the nodes of every region
// and computes the ring as they do. When that node does not answer, another one takes the command, and when the region
// does not, the next region does. A region that is away is not asked any more until probes have found it again, twice in
// a row; then commands go home by themselves. [Client.Regions] shows all of that.
//
// Regions tell each other of writes afterwards. So a command that moves to another region may find older values, unless
// it belongs to a [Session].
//
// # What is sent again
//
// A command that certainly was not run is sent elsewhere at once. Where nobody knows, since a connection broke or no
// answer came, it is sent again only if running it twice is the same as once: all reads, and writes that set, remove or
// expire. Not what adds to a number ([Counter.Add], [Map.Add], [SortedSet.Incr]) and not conditions ([Commands.SetNX]):
// these end with an [Error] whose Maybe is true. A write that was sent again may come after what another client has
// written meanwhile, and counts such as those of [Commands.Del] tell what the last run did. What may load a cluster
// that is slow already is bounded by a budget, see [Options].
//
// # What it does not do
//
// It holds no lock and knows no transaction: see docs/consistency.md for what regions that write at the same time make
// of a key. It does not encrypt beyond what NATS does with a tls:// seed or [Options].TLS.
package client
