package world

import "github.com/atollcache/atoll/simulate/scenario"

// extra hires a client in every region that a step strikes, until it is over.
func (f *fault) extra(pattern scenario.Pattern, keys int64, mix ...scenario.Weight) {
	s := f.step
	for _, p := range f.places() {
		load := &scenario.Load{
			Ops: s.Ops, Mix: mix, Keys: scenario.Keys{Choice: scenario.KeysUniform, Count: max(keys, 1)},
			Value: scenario.Sizes{Least: 64, Most: 64}, Fields: max(s.Fields, 16), Pattern: pattern, Every: s.TTL,
		}
		if s.Value.Most > 0 {
			load.Value = s.Value
		}
		f.w.hire(&client{
			name: string(s.Kind) + " in " + p.name, id: pair(f.id, entity(p.name)), region: p, load: load, extra: true, hot: s.Kind == scenario.LoadHotKey,
			from: f.w.now, until: s.Until(f.w.sc.Phases),
		})
	}
}

// loadBurst multiplies the load of regions: the clients that are there get
// company.
func loadBurst(f *fault) {
	struck := f.places()
	for _, c := range f.w.clients[:len(f.w.clients):len(f.w.clients)] {
		for _, p := range struck {
			if c.region != p || c.extra || f.step.Factor < 2 {
				continue
			}
			load := *c.load
			load.Ops *= scenario.Rate(f.step.Factor - 1)
			f.w.hire(&client{
				name: "burst of " + c.name, id: pair(f.id, c.id), region: p, load: &load, extra: true,
				from: f.w.now, until: min(f.step.Until(f.w.sc.Phases), c.until),
			})
		}
	}
}

func hotKey(f *fault) {
	f.extra(scenario.Steady, 1, scenario.Weight{Op: "set", Weight: 70}, scenario.Weight{Op: "get", Weight: 30})
}

func stampede(f *fault) {
	f.extra(
		scenario.ExpiryStampede, f.step.Keys, scenario.Weight{Op: "set", Weight: 70}, scenario.Weight{Op: "get", Weight: 20},
		scenario.Weight{Op: "expire", Weight: 5}, scenario.Weight{Op: "persist", Weight: 5},
	)
}

func counterStorm(f *fault) {
	f.extra(
		scenario.CounterStorm, f.step.Keys, scenario.Weight{Op: "incr", Weight: 50}, scenario.Weight{Op: "decr", Weight: 10},
		scenario.Weight{Op: "incrby", Weight: 20}, scenario.Weight{Op: "hincrby", Weight: 15},
		scenario.Weight{Op: "del", Weight: 1}, scenario.Weight{Op: "get", Weight: 4},
	)
}

func recreate(f *fault) {
	f.extra(
		scenario.DeleteAndRecreate, f.step.Keys, scenario.Weight{Op: "set", Weight: 40}, scenario.Weight{Op: "hset", Weight: 20},
		scenario.Weight{Op: "sadd", Weight: 10}, scenario.Weight{Op: "zadd", Weight: 10},
		scenario.Weight{Op: "del", Weight: 10}, scenario.Weight{Op: "get", Weight: 10},
	)
}

func hugeValues(f *fault) {
	f.extra(scenario.HugeValues, f.step.Keys, scenario.Weight{Op: "set", Weight: 80}, scenario.Weight{Op: "get", Weight: 20})
}

func hugeMaps(f *fault) {
	f.extra(
		scenario.HugeMaps, f.step.Keys, scenario.Weight{Op: "hset", Weight: 40}, scenario.Weight{Op: "sadd", Weight: 20},
		scenario.Weight{Op: "zadd", Weight: 20}, scenario.Weight{Op: "hdel", Weight: 5}, scenario.Weight{Op: "srem", Weight: 5},
		scenario.Weight{Op: "zrem", Weight: 5}, scenario.Weight{Op: "hget", Weight: 5},
	)
}
