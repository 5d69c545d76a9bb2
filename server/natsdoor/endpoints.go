package natsdoor

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/micro"

	"github.com/atollcache/atoll/command"
)

// The service in the eyes of the NATS micro framework. Its version is that of the interface.
const (
	serviceName    = "atoll"
	serviceVersion = "1.0.0"
)

// handler answers a request, or has it answered later; each exactly once, by finish.
type handler func(d *Door, req micro.Request)

// pendingBytes and pendingMessages bound what waits in this process before the pool has seen it, per subject.
const (
	pendingMessages = 1 << 16
	pendingBytes    = 32 << 20
)

// serveEndpoints adds the service with all of its endpoints. Those of a region share a queue group, so one of its nodes
// answers; those of any region share one too, of which NATS prefers the members of the region that was asked, and then
// those of the region with the shortest round trip.
func (d *Door) serveEndpoints() error {
	service, err := micro.AddService(d.cfg.Conn, micro.Config{
		Name: serviceName, Version: serviceVersion,
		Description:  "Atoll, a cache in many regions",
		Metadata:     map[string]string{"cluster": d.cfg.Cluster, "region": d.cfg.Region, "node": d.cfg.Node},
		StatsHandler: func(*micro.Endpoint) any { return map[string]any{"in_flight": d.InFlight(), "refused": d.Refused()} },
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) {
			d.cfg.Logger.Warn("requests were lost in this process, which is too slow", "subject", err.Subject, "error", err.Description)
		},
	})
	if err != nil {
		return fmt.Errorf("add the service: %w", err)
	}
	d.service = service

	region, node := "atoll."+d.cfg.Region, "atoll."+d.cfg.Region+".node."+d.cfg.Node
	group := micro.WithEndpointQueueGroup(region)
	for _, c := range command.Table() {
		if err := d.add(c.Name, region+".v1."+c.Name, (*Door).command, group, micro.WithEndpointMetadata(schemas(c))); err != nil {
			return err
		}
	}
	anyGroup, alone := micro.WithEndpointQueueGroup("atoll"), micro.WithEndpointQueueGroupDisabled()
	for _, e := range []struct {
		name, subject string
		handle        handler
		group         micro.EndpointOpt
	}{
		{"batch", region + ".v1.batch", (*Door).batch, group},
		{"raw-get", region + ".v1.raw.get.>", (*Door).rawGet, group},
		{"raw-set", region + ".v1.raw.set.>", (*Door).rawSet, group},
		{"status", region + ".v1.status", (*Door).status, group},
		{"forget", region + ".v1.forget", (*Door).forget, group},
		{"directory", region + ".v1.directory", (*Door).directory, group},
		{"any", "atoll.any.v1.*", (*Door).anyCommand, anyGroup},
		{"any-raw-get", "atoll.any.v1.raw.get.>", (*Door).rawGet, anyGroup},
		{"any-raw-set", "atoll.any.v1.raw.set.>", (*Door).rawSet, anyGroup},
		{"node-any", node + ".v1.*", (*Door).anyCommand, alone},
		{"node-status", node + ".status", (*Door).status, alone},
		{"node-digests", node + ".digests", (*Door).digests, alone},
		{"node-drain", node + ".drain", (*Door).drain, alone},
	} {
		if err := d.add(e.name, e.subject, e.handle, e.group, micro.WithEndpointMetadata(otherSchemas[e.name])); err != nil {
			return err
		}
	}
	return nil
}

func (d *Door) add(name, subject string, handle handler, opts ...micro.EndpointOpt) error {
	opts = append(opts, micro.WithEndpointSubject(subject), micro.WithEndpointPendingLimits(pendingMessages, pendingBytes))
	if err := d.service.AddEndpoint(name, d.take(handle), opts...); err != nil {
		return fmt.Errorf("subscribe to %s: %w", subject, err)
	}
	return nil
}

// lastToken gives what stands behind the last dot of a subject.
func lastToken(subject string) string { return subject[strings.LastIndexByte(subject, '.')+1:] }

// schemas describe a command in the metadata of its endpoint.
func schemas(c *command.Command) map[string]string {
	about := map[string]string{
		"syntax": c.Syntax, "summary": c.Summary, "schema.request": requestSchema, "schema.reply": replySchema,
	}
	if c.Differs != "" {
		about["differs"] = c.Differs
	}
	return about
}

// The JSON schemas of what is asked and answered.
const (
	argumentSchema = `{"oneOf":[{"type":"string"},{"type":"object","required":["b64"],"additionalProperties":false,"properties":{"b64":{"type":"string","contentEncoding":"base64"}}}]}`
	levelSchema    = `"ack":{"type":"string","pattern":"^(local|region|regions:[1-9][0-9]*)$","default":"local"},"timeout_ms":{"type":"integer","minimum":0,"maximum":60000}`
	argsSchema     = `"key":` + argumentSchema + `,"value":` + argumentSchema + `,"value_b64":{"type":"string","contentEncoding":"base64"},"args":{"type":"array","maxItems":4096,"items":` + argumentSchema + `}`
	requestSchema  = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","additionalProperties":false,"properties":{` + argsSchema + `,` + levelSchema + `}}`
	resultSchema   = `{"type":"object","properties":{"value":{},"value_b64":{"type":"string","contentEncoding":"base64"},"value_str":{"type":"string"},"ack":{"type":"string"},"short":{"type":"boolean"},"stale":{"type":"boolean"},"error":{"type":"object","required":["code","message"],"properties":{"code":{"type":"string"},"message":{"type":"string"}}}}}`
	replySchema    = resultSchema
	batchSchema    = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","required":["commands"],"additionalProperties":false,"properties":{"commands":{"type":"array","maxItems":1000,"items":{"type":"object","required":["command"],"additionalProperties":false,"properties":{"command":{"type":"string"},` + argsSchema + `}}},` + levelSchema + `}}`
	resultsSchema  = `{"type":"object","properties":{"results":{"type":"array","items":` + resultSchema + `}}}`
)

// otherSchemas describe the endpoints that are no commands.
var otherSchemas = map[string]map[string]string{
	"batch":        {"summary": "Runs several commands, each on its own.", "schema.request": batchSchema, "schema.reply": resultsSchema},
	"raw-get":      {"summary": "Gives the bare value of a string; 404 if there is none."},
	"raw-set":      {"summary": "Sets a key to the payload, with a TTL from the header Atoll-TTL-Ms."},
	"status":       {"summary": "Tells what this node knows of itself, its region and the others.", "schema.reply": replySchema},
	"forget":       {"summary": "Declares a node of this region, another region, or REGION/NODE, the key of the request, dead for good.", "schema.request": requestSchema, "schema.reply": replySchema},
	"directory":    {"summary": "Gives the nodes of this region that own keys.", "schema.reply": replySchema},
	"node-any":     {"summary": "Runs the command, or the batch, that the subject ends with, at this node.", "schema.request": requestSchema, "schema.reply": replySchema},
	"any":          {"summary": "Runs the command, or the batch, that the subject ends with, in the nearest region.", "schema.request": requestSchema, "schema.reply": replySchema},
	"any-raw-get":  {"summary": "As raw-get, in the nearest region."},
	"any-raw-set":  {"summary": "As raw-set, in the nearest region."},
	"node-status":  {"summary": "Tells what this node knows of itself, its region and the others.", "schema.reply": replySchema},
	"node-digests": {"summary": "Gives the digest of every partition that this node holds.", "schema.reply": replySchema},
	"node-drain":   {"summary": "Has this node hand everything over and leave.", "schema.reply": replySchema},
}
