package membership

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// rememberFor is how long a peer that is gone is still looked for.
	rememberFor = 24 * time.Hour

	// maxRemembered bounds how many of them are, the latest to go first.
	maxRemembered = 256

	// maxAtOnce bounds the remembered peers of one round.
	maxAtOnce = 4
)

// rejoin looks for absent nodes until stopped. memberlist alone stops
// talking to them some time after their death, and two sides of a longer split
// would never meet again.
func (g *Gossip) rejoin() {
	ticker := time.NewTicker(g.config.RejoinInterval)
	defer ticker.Stop()
	for round := 0; ; round++ {
		select {
		case <-g.stop:
			return
		case <-ticker.C:
		}

		absent := append(g.resolve(g.config.Seeds), g.view.remembered(round)...)
		found, err := g.join(g.view.absent(absent))
		if err != nil {
			g.config.Logger.Debug("absent peers do not answer", "error", err)
		}
		// Each side has now heard that the other holds it for dead and objects;
		// the second exchange carries the objection.
		_, _ = g.join(found)
	}
}

// join exchanges all that is known with the peers at addrs, in parallel, and
// returns those that answered and why the others did not.
func (g *Gossip) join(addrs []string) (answered []string, missed error) {
	var mu sync.Mutex
	var exchanges sync.WaitGroup
	for _, addr := range addrs {
		exchanges.Go(func() {
			_, err := g.list.Join([]string{addr})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				missed = errors.Join(missed, err)
				return
			}
			answered = append(answered, addr)
		})
	}
	exchanges.Wait()
	return answered, missed
}

// resolve turns host:port into as many ip:port as the host has, without this
// node itself.
func (g *Gossip) resolve(seeds []string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), exchangeTimeout)
	defer cancel()

	var addrs []string
	for _, seed := range seeds {
		host, port, _ := net.SplitHostPort(seed)
		ips, err := net.DefaultResolver.LookupHost(ctx, host)
		if err != nil {
			g.config.Logger.Warn("seed does not resolve", "seed", seed, "error", err)
			continue
		}
		for _, ip := range ips {
			addrs = append(addrs, net.JoinHostPort(ip, port))
		}
	}
	return slices.DeleteFunc(addrs, func(addr string) bool { return addr == g.addr })
}

// remembered returns some of the peers that are gone, others in each round, and
// forgets those gone for too long.
func (v *view) remembered(round int) []string {
	v.mu.Lock()
	defer v.mu.Unlock()

	addrs := make([]string, 0, len(v.gone))
	for addr := range v.gone {
		addrs = append(addrs, addr)
	}
	slices.SortFunc(addrs, func(a, b string) int {
		if c := v.gone[b].Compare(v.gone[a]); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	addrs = slices.DeleteFunc(addrs, func(addr string) bool {
		if time.Since(v.gone[addr]) < rememberFor {
			return false
		}
		delete(v.gone, addr)
		return true
	})
	for len(addrs) > maxRemembered {
		delete(v.gone, addrs[len(addrs)-1])
		addrs = addrs[:len(addrs)-1]
	}

	if len(addrs) <= maxAtOnce {
		return addrs
	}
	from := round * maxAtOnce % len(addrs)
	return slices.Concat(addrs[from:], addrs[:from])[:maxAtOnce]
}

// absent returns those of addrs, each once, that no member has.
func (v *view) absent(addrs []string) []string {
	v.mu.Lock()
	defer v.mu.Unlock()

	present := make(map[string]bool, len(v.members))
	for _, m := range v.members {
		present[m.Addr] = true
	}
	slices.Sort(addrs)
	return slices.DeleteFunc(slices.Compact(addrs), func(addr string) bool { return present[addr] })
}
