package command

import (
	"math"
	"sort"
	"strconv"
	"strings"
)

// model is Redis on one machine as its documentation tells it, with Go's maps
// and no thought for speed, changed where the table says that Atoll differs. It
// answers in the form of show.
type model struct {
	now  int64
	keys map[string]*object
}

// object is what a key holds; only the field of its kind is set.
type object struct {
	kind     string
	text     string
	fields   map[string]string
	members  map[string]bool
	scores   map[string]float64
	deadline int64 // 0 for none
}

const (
	modelWrongType  = "(error) WRONGTYPE Operation against a key holding the wrong kind of value"
	modelNotInteger = "(error) ERR value is not an integer or out of range"
	modelNotFloat   = "(error) ERR value is not a valid float"
	modelSyntax     = "(error) ERR syntax error"
	modelOverflow   = "(error) ERR increment or decrement would overflow"
)

var modelArity = map[string]int{
	"get": 1, "set": -2, "strlen": 1, "incr": 1, "decr": 1, "incrby": 2, "decrby": 2,
	"del": -1, "exists": -1, "type": 1, "persist": 1, "ttl": 1, "pttl": 1, "expiretime": 1,
	"expire": -2, "pexpire": -2, "expireat": -2, "pexpireat": -2,
	"hset": -3, "hget": 2, "hmget": -2, "hgetall": 1, "hkeys": 1, "hvals": 1, "hdel": -2, "hlen": 1, "hexists": 2, "hincrby": 3,
	"sadd": -2, "srem": -2, "smembers": 1, "sismember": 2, "scard": 1,
	"zadd": -3, "zincrby": 3, "zrange": -3, "zrem": -2, "zscore": 2, "zcard": 1,
	"ping": 0, "echo": 1,
}

func (m *model) do(words ...string) string {
	name, args := strings.ToLower(words[0]), words[1:]
	for key, o := range m.keys {
		if o.deadline != 0 && o.deadline <= m.now || len(o.fields)+len(o.members)+len(o.scores) == 0 && o.kind != "string" {
			delete(m.keys, key)
		}
	}
	if a := modelArity[name]; a > 0 && len(args) != a || a < 0 && len(args) < -a {
		return "(error) ERR wrong number of arguments for '" + name + "' command"
	}

	switch name {
	case "ping":
		return "PONG"
	case "echo":
		return strconv.Quote(args[0])
	case "exists", "del":
		n := 0
		for _, key := range args {
			if m.keys[key] != nil {
				n++
				if name == "del" {
					delete(m.keys, key)
				}
			}
		}
		return number(n)
	case "type":
		if m.keys[args[0]] == nil {
			return "none"
		}
		return m.keys[args[0]].kind
	}
	switch name[0] {
	case 'h':
		return m.hash(name, args)
	case 'z':
		return m.sortedSet(name, args)
	}
	switch {
	case strings.Contains(name, "expire"), strings.Contains(name, "ttl"), name == "persist":
		return m.expiry(name, args)
	case name == "sadd", name == "srem", name == "smembers", name == "sismember", name == "scard":
		return m.set(name, args)
	}
	return m.text(name, args)
}

// get gives the object for reading, an empty one if there is none, or nil if it
// is of another kind.
func (m *model) get(key, kind string) *object {
	o := m.keys[key]
	if o == nil {
		return &object{kind: kind}
	}
	if o.kind != kind {
		return nil
	}
	return o
}

// make gives the object for writing.
func (m *model) make(key, kind string) *object {
	if m.keys[key] == nil {
		m.keys[key] = &object{kind: kind, fields: map[string]string{}, members: map[string]bool{}, scores: map[string]float64{}}
	}
	return m.keys[key]
}

func (m *model) text(name string, args []string) string {
	if name == "set" {
		return m.setText(args)
	}
	by, sign := int64(1), int64(1)
	if name == "decr" || name == "decrby" {
		sign = -1
	}
	if name == "incrby" || name == "decrby" {
		n, ok := modelInt(args[1])
		if !ok {
			return modelNotInteger
		}
		if sign < 0 && n == math.MinInt64 {
			return "(error) ERR decrement would overflow"
		}
		by = n
	}

	o := m.get(args[0], "string")
	if o == nil {
		return modelWrongType
	}
	switch name {
	case "get":
		if m.keys[args[0]] == nil {
			return "(nil)"
		}
		return strconv.Quote(o.text)
	case "strlen":
		return number(len(o.text))
	}

	text := o.text
	if m.keys[args[0]] == nil {
		text = "0"
	}
	sum, problem := modelAdd(text, sign*by, modelNotInteger)
	if problem != "" {
		return problem
	}
	m.make(args[0], "string").text = strconv.FormatInt(sum, 10)
	return "(integer) " + strconv.FormatInt(sum, 10)
}

func modelAdd(text string, by int64, notInteger string) (int64, string) {
	was, ok := modelInt(text)
	if !ok {
		return 0, notInteger
	}
	if by > 0 && was > math.MaxInt64-by || by < 0 && was < math.MinInt64-by {
		return 0, modelOverflow
	}
	return was + by, ""
}

func (m *model) setText(args []string) string {
	seen, amount := map[string]bool{}, ""
	for i := 2; i < len(args); i++ {
		option := strings.ToLower(args[i])
		switch option {
		case "nx", "xx", "get", "keepttl":
		case "ex", "px", "exat", "pxat":
			if i+1 == len(args) {
				return modelSyntax
			}
			i++
			amount = args[i]
		default:
			return modelSyntax
		}
		seen[option] = true
	}
	expiries := 0
	for _, option := range []string{"ex", "px", "exat", "pxat", "keepttl"} {
		if seen[option] {
			expiries++
		}
	}
	if seen["nx"] && seen["xx"] || expiries > 1 {
		return modelSyntax
	}
	deadline := int64(0)
	if amount != "" || expiries == 1 && !seen["keepttl"] {
		at, problem := m.deadline("set", amount, seen["ex"] || seen["exat"], seen["exat"] || seen["pxat"])
		if problem != "" {
			return problem
		}
		deadline = at
	}

	was, reply := m.keys[args[0]], "OK"
	if seen["get"] {
		if was != nil && was.kind != "string" {
			return modelWrongType
		}
		reply = "(nil)"
		if was != nil {
			reply = strconv.Quote(was.text)
		}
	}
	if seen["nx"] && was != nil || seen["xx"] && was == nil {
		if seen["get"] {
			return reply
		}
		return "(nil)"
	}
	if seen["keepttl"] && was != nil {
		deadline = was.deadline
	}
	m.keys[args[0]] = &object{kind: "string", text: args[1], deadline: deadline}
	return reply
}

func (m *model) deadline(name, amount string, seconds, absolute bool) (int64, string) {
	n, ok := modelInt(amount)
	if !ok {
		return 0, modelNotInteger
	}
	invalid := "(error) ERR invalid expire time in '" + name + "' command"
	at := float64(n)
	if seconds {
		at *= 1000
	}
	if !absolute {
		at += float64(m.now)
	}
	if at >= 1<<48 {
		return 0, invalid
	}
	if at <= float64(m.now) {
		if name != "set" {
			invalid += ": it has passed; use DEL to remove a key"
		}
		return 0, invalid
	}
	return int64(at), ""
}

func (m *model) expiry(name string, args []string) string {
	o := m.keys[args[0]]
	switch name {
	case "persist":
		if o == nil || o.deadline == 0 {
			return number(0)
		}
		o.deadline = 0
		return number(1)
	case "ttl", "pttl", "expiretime":
		switch {
		case o == nil:
			return number(-2)
		case o.deadline == 0:
			return number(-1)
		case name == "pttl":
			return number(int(o.deadline - m.now))
		case name == "ttl":
			return number(int((o.deadline - m.now + 500) / 1000))
		}
		return number(int((o.deadline + 500) / 1000))
	}

	seen := map[string]bool{}
	for _, option := range args[2:] {
		switch o := strings.ToLower(option); o {
		case "nx", "xx", "gt", "lt":
			seen[o] = true
		default:
			return "(error) ERR Unsupported option " + option
		}
	}
	if seen["nx"] && len(seen) > 1 {
		return "(error) ERR NX and XX, GT or LT options at the same time are not compatible"
	}
	if seen["gt"] && seen["lt"] {
		return "(error) ERR GT and LT options at the same time are not compatible"
	}
	at, problem := m.deadline(name, args[1], name[0] == 'e', strings.HasSuffix(name, "at"))
	switch {
	case problem != "":
		return problem
	case o == nil,
		seen["nx"] && o.deadline != 0,
		seen["xx"] && o.deadline == 0,
		seen["gt"] && (o.deadline == 0 || at <= o.deadline),
		seen["lt"] && o.deadline != 0 && at >= o.deadline:
		return number(0)
	}
	o.deadline = at
	return number(1)
}

func (m *model) hash(name string, args []string) string {
	if name == "hset" && len(args)%2 == 0 {
		return "(error) ERR wrong number of arguments for 'hset' command"
	}
	by := int64(0)
	if name == "hincrby" {
		n, ok := modelInt(args[2])
		if !ok {
			return modelNotInteger
		}
		by = n
	}
	o := m.get(args[0], "hash")
	if o == nil {
		return modelWrongType
	}
	field := func(f string) string {
		if v, ok := o.fields[f]; ok {
			return strconv.Quote(v)
		}
		return "(nil)"
	}
	names := []string{}
	for f := range o.fields {
		names = append(names, f)
	}
	sort.Strings(names)

	list, n := []string{}, 0
	switch name {
	case "hget":
		return field(args[1])
	case "hmget":
		for _, f := range args[1:] {
			list = append(list, field(f))
		}
	case "hgetall":
		for _, f := range names {
			list = append(list, strconv.Quote(f), field(f))
		}
	case "hkeys":
		for _, f := range names {
			list = append(list, strconv.Quote(f))
		}
	case "hvals":
		for _, f := range names {
			list = append(list, field(f))
		}
	case "hlen":
		return number(len(names))
	case "hexists":
		if field(args[1]) != "(nil)" {
			n = 1
		}
		return number(n)
	case "hset":
		o = m.make(args[0], "hash")
		for i := 1; i < len(args); i += 2 {
			if field(args[i]) == "(nil)" {
				n++
			}
			o.fields[args[i]] = args[i+1]
		}
		return number(n)
	case "hdel":
		for _, f := range args[1:] {
			if field(f) != "(nil)" {
				n++
				delete(o.fields, f)
			}
		}
		return number(n)
	case "hincrby":
		text := "0"
		if v, ok := o.fields[args[1]]; ok {
			text = v
		}
		sum, problem := modelAdd(text, by, "(error) ERR hash value is not an integer")
		if problem != "" {
			return problem
		}
		m.make(args[0], "hash").fields[args[1]] = strconv.FormatInt(sum, 10)
		return "(integer) " + strconv.FormatInt(sum, 10)
	}
	return "[" + strings.Join(list, " ") + "]"
}

func (m *model) set(name string, args []string) string {
	o := m.get(args[0], "set")
	if o == nil {
		return modelWrongType
	}
	n := 0
	switch name {
	case "smembers":
		list := []string{}
		for member := range o.members {
			list = append(list, strconv.Quote(member))
		}
		sort.Strings(list)
		return "[" + strings.Join(list, " ") + "]"
	case "scard":
		return number(len(o.members))
	case "sismember":
		if o.members[args[1]] {
			n = 1
		}
	case "sadd":
		o = m.make(args[0], "set")
		for _, member := range args[1:] {
			if !o.members[member] {
				n++
				o.members[member] = true
			}
		}
	case "srem":
		for _, member := range args[1:] {
			if o.members[member] {
				n++
				delete(o.members, member)
			}
		}
	}
	return number(n)
}

func number(n int) string { return "(integer) " + strconv.Itoa(n) }

// modelInt reads only what prints the same again.
func modelInt(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}
