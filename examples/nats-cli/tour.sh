#!/usr/bin/env bash
# A tour of Atoll with the command line of NATS: the service, JSON, bare values,
# errors, and a watch of what changes. "> " is a request, "< " is its answer.
#
#   atoll up                     # in a first terminal
#   examples/nats-cli/tour.sh    # NATS_URL and ATOLL_REGION lead elsewhere
set -euo pipefail
export NATS_URL=${NATS_URL:-nats://127.0.0.1:14201}
atoll=atoll.${ATOLL_REGION:-eu}.v1

fail() {
	echo "tour.sh: $*" >&2
	exit 1
}
command -v nats >/dev/null || fail "no nats command; go install github.com/nats-io/natscli/nats@v0.4.0"
nats request --raw "$atoll.ping" '' 2>/dev/null | grep PONG >/dev/null || fail "no answer to $atoll.ping at $NATS_URL; start it with: atoll up"

# nats tells the headers of an answer only beside times and empty lines, which
# go here. It exits with 0 whatever is answered: a script must look at that.
ask() {
	echo "> $*"
	nats request "$@" 2>&1 | sed -E 's/^[0-9]{2}:[0-9]{2}:[0-9]{2} //; /^$|^Sending|^Received|^nil body/d; s/^/< /'
}

echo "# Who serves, what get takes (as the first to answer tells), and who was asked"
nats service list
nats service info atoll | sed -nE '/Name: get$/,/syntax/p'
nats service stats atoll --json | sed -nE "/\"$atoll.get\"/,/num_errors/p"

echo "# JSON: a string, and numbers"
ask "$atoll.set" '{"key":"tour:greeting","value":"hello","args":["EX","60"]}'
ask "$atoll.get" '{"key":"tour:greeting"}'
ask "$atoll.del" '{"key":"tour:visits"}'
ask "$atoll.incrby" '{"key":"tour:visits","args":["5"],"ack":"regions:2"}'

echo "# Bare values, the key in the subject; this one lives for a minute"
ask "$atoll.raw.set.tour:note" 'any bytes' -H Atoll-TTL-Ms:60000
ask "$atoll.raw.get.tour:note"
ask "$atoll.ttl" '{"key":"tour:note"}'

echo "# Errors: in the payload, and in headers; for bare values in headers alone"
ask "$atoll.hget" '{"args":["tour:greeting","field"]}'
ask "$atoll.raw.get.tour:nothing"
ask "$atoll.nonsense" ''

echo "# What changes, from whichever region; here until two changes were heard"
nats subscribe --raw --count 2 "$atoll.changes.tour:visits" 2>/dev/null | sed '/^$/d' &
while kill -0 $! 2>/dev/null; do # it does not say when it has begun to listen
	nats request --raw "$atoll.incr" '{"key":"tour:visits"}' >/dev/null 2>&1
done
wait $!
