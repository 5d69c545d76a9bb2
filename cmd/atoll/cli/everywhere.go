package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/atollcache/atoll/cmd/atoll/remote"
	"github.com/atollcache/atoll/server"
)

// A place is a region that answers, and what its nodes say of themselves.
type place struct {
	region *remote.Region
	nodes  []server.Status // by name
	silent []string        // nodes that the region knows and that do not answer
}

// everywhere asks every region directly. What did not answer is named by the error; the places that did are returned
// beside it. The caller closes them.
func (a *app) everywhere(ctx context.Context) ([]*place, error) {
	endpoints, err := a.endpoints()
	if err != nil {
		return nil, err
	}
	options, err := a.options()
	if err != nil {
		return nil, err
	}
	regions, failed := remote.All(ctx, endpoints, options)
	places := make([]*place, len(regions))
	errs := make([]error, len(regions)+1)
	var asking sync.WaitGroup
	for i, r := range regions {
		places[i] = &place{region: r}
		asking.Go(func() { errs[i] = places[i].ask(ctx) })
	}
	asking.Wait()
	errs[len(regions)] = a.absent(places, failed)
	return places, oneOf(errs)
}

// oneOf gives an error for one line: the first, and how many more there are.
func oneOf(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return fmt.Errorf("%w; and %d more", errs[0], len(errs)-1)
}

// ask asks a region which nodes it has, and each of them how it is.
func (p *place) ask(ctx context.Context) error {
	view, err := p.region.Status(ctx, "")
	if err != nil {
		return err
	}
	var names []string
	for _, r := range view.Regions {
		if r.Name != p.region.Name {
			continue
		}
		for _, n := range r.Nodes {
			names = append(names, n.Name)
		}
	}

	statuses, errs := make([]server.Status, len(names)), make([]error, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		asking.Go(func() { statuses[i], errs[i] = p.region.Status(ctx, name) })
	}
	asking.Wait()
	for i, name := range names {
		if errs[i] != nil {
			p.silent = append(p.silent, name)
			errs[i] = fmt.Errorf("node %s: %w", name, errs[i])
		} else {
			p.nodes = append(p.nodes, statuses[i])
		}
	}
	return oneOf(errs)
}

// absent says which regions did not answer. An endpoint that did not may belong to one that did: then nothing is
// missing. Who names endpoints wants all of them to answer; of the default ones only those of regions that somebody
// knows must, so that an "atoll up" of two regions is whole.
func (a *app) absent(places []*place, failed []remote.Failure) error {
	answered := func(name string) bool {
		return slices.ContainsFunc(places, func(p *place) bool { return p.region.Name == name })
	}
	var missing []string
	for _, p := range places {
		for _, s := range p.nodes {
			for _, r := range s.Regions {
				if !answered(r.Name) && !slices.Contains(missing, r.Name) {
					missing = append(missing, r.Name)
				}
			}
		}
	}
	slices.Sort(missing)
	failed = slices.DeleteFunc(failed, func(f remote.Failure) bool { return f.Endpoint.Region != "" && answered(f.Endpoint.Region) })

	named := len(a.servers) > 0 || os.Getenv("ATOLL_SERVER") != ""
	switch {
	case len(missing) > 0 && len(failed) == 0:
		return absentError{fmt.Errorf("region %s was not asked; add an endpoint of it to --server", strings.Join(missing, ", "))}
	case len(missing) > 0, len(failed) > 0 && (named || len(places) == 0):
		return &remote.UnreachableError{Region: strings.Join(missing, ", "), Failed: failed}
	}
	return nil
}

func closeAll(places []*place) {
	for _, p := range places {
		p.region.Close()
	}
}

// copies gathers the digests of all nodes.
func copies(ctx context.Context, places []*place) ([]held, error) {
	var mu sync.Mutex // guards all and errs
	var all []held
	var errs []error
	var asking sync.WaitGroup
	for _, p := range places {
		for _, s := range p.nodes {
			asking.Go(func() {
				digests, err := p.region.Digests(ctx, s.Node)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					errs = append(errs, fmt.Errorf("node %s: %w", s.Node, err))
				}
				for _, d := range digests {
					all = append(all, held{p.region.Name, s.Node, int(d.Partition), d.Root, d.Keys, d.State})
				}
			})
		}
	}
	asking.Wait()
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return all, oneOf(errs)
}

// errNothing tells that regions answer and hold nothing.
var errNothing = errors.New("no node holds any partition yet; is the cluster still starting?")
