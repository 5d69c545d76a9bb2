package replica

// SetInstance changes which instance of its region the node belongs to: two
// parts of a region that were set up apart have found each other, and go by one
// of their instances from now on. The next Tick announces it.
func (r *Replica) SetInstance(instance uint64) {
	r.mu.Lock()
	r.cfg.Instance = instance
	r.announce.at, r.announce.saidIn = 0, nil
	r.mu.Unlock()
	r.cfg.Wake()
}
