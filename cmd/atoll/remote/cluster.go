package remote

import (
	"context"
	"fmt"

	"github.com/atollcache/atoll/server"
)

// Status asks a node of the region how it is; with an empty name whichever node answers.
func (r *Region) Status(ctx context.Context, node string) (server.Status, error) {
	var s server.Status
	err := r.document(ctx, node, "status", &s)
	return s, err
}

// Digests asks a node for the digest of every partition that it holds.
func (r *Region) Digests(ctx context.Context, node string) ([]server.Digest, error) {
	var digests []server.Digest
	err := r.document(ctx, node, "digests", &digests)
	return digests, err
}

// document asks for what is not the reply to a command.
func (r *Region) document(ctx context.Context, node, name string, into any) error {
	subject := fmt.Sprintf("atoll.%s.node.%s.%s", r.Name, node, name)
	if node == "" {
		subject = fmt.Sprintf("atoll.%s.v1.%s", r.Name, name)
	}
	a, err := r.ask(ctx, subject, nil)
	if err != nil {
		return err
	}
	if err := decoding.Unmarshal(a.Value, into); err != nil {
		return fmt.Errorf("region %s: the answer cannot be read: %w", r.Name, err)
	}
	return nil
}
