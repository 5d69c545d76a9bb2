package cli

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/cmd/atoll/up"
)

const (
	// benchInFlight is how many requests each side of the cut has under way, on one connection.
	benchInFlight = 64

	// benchInterval is how often equality is looked for, and so the error of what is measured.
	benchInterval = 50 * time.Millisecond

	// settleLimit is how long regions may take to become equal before anything is measured.
	settleLimit = time.Minute

	// benchTimeout is for one answer.
	benchTimeout = 10 * time.Second
)

// A healer is one run of bench heal.
type healer struct {
	*healOptions
	layout up.Layout
	places []*place
	result healing
}

// measureHeal starts the regions, and stops them in the end.
func (a *app) measureHeal(ctx context.Context, o *healOptions) (_ *healing, err error) {
	names, err := benchRegions(o.regions)
	if err != nil {
		return nil, err
	}
	delays, err := up.ParseRTT(o.rtt, names)
	if err != nil {
		return nil, usageError{fmt.Errorf("--rtt: %w", err)}
	}
	layout, stop, err := startBench(ctx, up.Config{Regions: names, Nodes: o.nodes, Delays: delays})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()

	h := &healer{healOptions: o, layout: layout}
	h.result = healing{Keys: o.keys, ValueBytes: int(o.value), Regions: names, Nodes: o.nodes, PayloadBytes: o.payload()}
	var urls []string
	for _, r := range h.layout.Regions {
		urls = append(urls, r.NATS)
	}
	connecting, cancel := context.WithTimeout(ctx, benchTimeout)
	defer cancel()
	h.places, err = (&app{servers: urls}).everywhere(connecting)
	defer closeAll(h.places)
	if err != nil {
		return nil, err
	}
	return &h.result, h.run(ctx)
}

// payload is the size of the keys and values that have to cross: what the first region holds to each of the others, and
// what the second holds to the first, since the others have heard of it during the cut.
func (o *healOptions) payload() uint64 {
	left := o.keys / 2
	crossings := left*(o.regions-1) + o.keys - left
	return uint64(crossings * (len(benchKey(0)) + int(o.value)))
}

// run tells the story of the measurement.
func (h *healer) run(ctx context.Context) error {
	all := h.result.Regions
	left, right := all[:1], all[1:]

	// Equal, and cut.
	if err := h.settle(ctx, all); err != nil {
		return fmt.Errorf("before the cut: %w", err)
	}
	cut := time.Now()
	for _, other := range right {
		if _, err := up.Turn(ctx, h.layout.Admin, &up.Change{Do: "cut", A: left[0], B: other}); err != nil {
			return err
		}
	}

	// Diverge. Each side becomes equal in itself, so that what is measured is what the cut has left.
	began := time.Now()
	if err := h.write(ctx); err != nil {
		return fmt.Errorf("write during the cut: %w", err)
	}
	h.result.WriteSeconds = time.Since(began).Seconds()
	for _, side := range [][]string{left, right} {
		if err := h.settle(ctx, side); err != nil {
			return fmt.Errorf("during the cut: %w", err)
		}
	}

	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(cut.Add(h.cut))):
	}
	if v, err := h.await(ctx, all, 0); err != nil || v.Equal {
		return errors.Join(err, errors.New("the two sides are equal before the heal: the cut does not cut"))
	}

	// Heal.
	before, err := up.Turn(ctx, h.layout.Admin, nil)
	if err != nil {
		return err
	}
	stopProfile, err := startProfile(h.profile)
	if err != nil {
		return err
	}
	began = time.Now()
	h.result.CutSeconds = began.Sub(cut).Seconds()
	if _, err := up.Turn(ctx, h.layout.Admin, &up.Change{Do: "heal"}); err != nil {
		return err
	}
	v, err := h.await(ctx, all, h.limit)
	h.result.HealSeconds = time.Since(began).Seconds()
	if err := errors.Join(err, stopProfile()); err != nil {
		return fmt.Errorf("after the heal: %w", err)
	}
	return h.conclude(ctx, &v, before)
}

func (h *healer) conclude(ctx context.Context, v *verdict, before []up.Path) error {
	if v.Equal && v.Keys != h.keys {
		return checkError{fmt.Errorf("all regions are equal and hold %d keys, but %d were written", v.Keys, h.keys)}
	}
	after, err := up.Turn(ctx, h.layout.Admin, nil)
	if err != nil {
		return err
	}
	h.result.Equal, h.result.Differ = v.Equal, v.Differ
	h.result.WANBytes = crossed(after) - crossed(before)
	return nil
}

func crossed(paths []up.Path) uint64 {
	var sum uint64
	for _, p := range paths {
		sum += p.Bytes
	}
	return sum
}

// settle waits until some regions are equal.
func (h *healer) settle(ctx context.Context, regions []string) error {
	v, err := h.await(ctx, regions, settleLimit)
	if err == nil && !v.Equal {
		err = checkError{fmt.Errorf("%d partitions of %v are not equal after %v", v.Differ, regions, settleLimit)}
	}
	return err
}

// await compares some regions until they are equal or the limit is reached.
func (h *healer) await(ctx context.Context, regions []string, limit time.Duration) (verdict, error) {
	var places []*place
	for _, p := range h.places {
		for _, name := range regions {
			if p.region.Name == name {
				places = append(places, p)
			}
		}
	}
	deadline := time.Now().Add(limit)
	look := time.NewTicker(benchInterval)
	defer look.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, benchTimeout)
		held, err := copies(asking, places)
		cancel()
		if err != nil {
			return verdict{}, err
		}
		v := judge(regions, held)
		if v.Equal || time.Now().After(deadline) {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return verdict{}, ctx.Err()
		case <-look.C:
		}
	}
}

// write sets the first half of the keys in the first region, and the other half in the second.
func (h *healer) write(ctx context.Context) error {
	errs := make([]error, 2)
	var sides sync.WaitGroup
	for side, span := range [][2]int{{0, h.keys / 2}, {h.keys / 2, h.keys}} {
		sides.Go(func() { errs[side] = h.writeAt(ctx, h.places[side].region, span[0], span[1]) })
	}
	sides.Wait()
	return errors.Join(errs...)
}

// writeAt sets the keys of a span in one region, with many requests under way at a time.
func (h *healer) writeAt(ctx context.Context, region *remote.Region, from, to int) error {
	return inFlight(ctx, benchInFlight, to-from, func(ctx context.Context, i int) error {
		key := from + i
		_, err := region.Do(ctx, remote.Request{Command: "set", Args: []string{benchKey(key), benchValue(key, int(h.value))}})
		return err
	})
}

// benchKey gives keys of 16 bytes.
func benchKey(i int) string { return fmt.Sprintf("bench:%010d", i) }

// benchValue gives letters that hardly compress, and other ones for every key.
func benchValue(i, size int) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_"
	random := rand.NewPCG(uint64(i), 1)
	value := make([]byte, size)
	for j := range value {
		value[j] = letters[random.Uint64()%uint64(len(letters))]
	}
	return string(value)
}
