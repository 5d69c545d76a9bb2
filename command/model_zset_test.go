package command

import (
	"math"
	"sort"
	"strconv"
	"strings"
)

func (m *model) sortedSet(name string, args []string) string {
	switch name {
	case "zadd":
		return m.zadd(args)
	case "zrange":
		return m.zrange(args)
	case "zincrby":
		by, ok := modelFloat(args[1])
		if !ok {
			return modelNotFloat
		}
		if m.get(args[0], "zset") == nil {
			return modelWrongType
		}
		return m.zincr(map[string]bool{}, args[0], by, args[2])
	}

	o := m.get(args[0], "zset")
	if o == nil {
		return modelWrongType
	}
	n := 0
	switch name {
	case "zcard":
		return number(len(o.scores))
	case "zscore":
		if s, ok := o.scores[args[1]]; ok {
			return modelScore(s)
		}
		return "(nil)"
	case "zrem":
		for _, member := range args[1:] {
			if _, ok := o.scores[member]; ok {
				n++
				delete(o.scores, member)
			}
		}
	}
	return number(n)
}

func (m *model) zadd(args []string) string {
	seen, i := map[string]bool{}, 1
options:
	for ; i < len(args); i++ {
		switch o := strings.ToLower(args[i]); o {
		case "nx", "xx", "gt", "lt", "ch", "incr":
			seen[o] = true
		default:
			break options
		}
	}
	pairs := args[i:]
	switch {
	case len(pairs) == 0 || len(pairs)%2 == 1:
		return modelSyntax
	case seen["nx"] && seen["xx"]:
		return "(error) ERR XX and NX options at the same time are not compatible"
	case seen["nx"] && (seen["gt"] || seen["lt"]) || seen["gt"] && seen["lt"]:
		return "(error) ERR GT, LT, and/or NX options at the same time are not compatible"
	case seen["incr"] && len(pairs) > 2:
		return "(error) ERR INCR option supports a single increment-element pair"
	}
	for j := 0; j < len(pairs); j += 2 {
		if _, ok := modelFloat(pairs[j]); !ok {
			return modelNotFloat
		}
	}
	if m.get(args[0], "zset") == nil {
		return modelWrongType
	}
	if seen["incr"] {
		by, _ := modelFloat(pairs[0])
		return m.zincr(seen, args[0], by, pairs[1])
	}

	added, changed := 0, 0
	for j := 0; j < len(pairs); j += 2 {
		score, _ := modelFloat(pairs[j])
		o := m.get(args[0], "zset")
		was, there := o.scores[pairs[j+1]]
		if !modelAllows(seen, was, there, score) {
			continue
		}
		if !there {
			added++
		} else if was != score {
			changed++
		}
		m.make(args[0], "zset").scores[pairs[j+1]] = score
	}
	if seen["ch"] {
		return number(added + changed)
	}
	return number(added)
}

func modelAllows(seen map[string]bool, was float64, there bool, score float64) bool {
	if !there {
		return !seen["xx"]
	}
	return !seen["nx"] && (!seen["gt"] || score > was) && (!seen["lt"] || score < was)
}

func (m *model) zincr(seen map[string]bool, key string, by float64, member string) string {
	o := m.get(key, "zset")
	was, there := o.scores[member]
	switch {
	case there && seen["nx"], !there && seen["xx"]:
		return "(nil)"
	case math.IsNaN(was + by):
		return "(error) ERR resulting score is not a number (NaN)"
	case !modelAllows(seen, was, there, was+by):
		return "(nil)"
	}
	m.make(key, "zset").scores[member] = was + by
	return modelScore(was + by)
}

func (m *model) zrange(args []string) string {
	seen, offset, count := map[string]bool{}, int64(0), int64(-1)
	for i := 3; i < len(args); i++ {
		switch o := strings.ToLower(args[i]); o {
		case "byscore", "rev", "withscores":
			seen[o] = true
		case "limit":
			if i+2 >= len(args) {
				return modelSyntax
			}
			var ok, alsoOk bool
			offset, ok = modelInt(args[i+1])
			count, alsoOk = modelInt(args[i+2])
			if !ok || !alsoOk {
				return modelNotInteger
			}
			i += 2
		default:
			return modelSyntax
		}
	}
	if count != -1 && !seen["byscore"] {
		return "(error) ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
	}

	// in says whether the member at a rank is within the range.
	var in func(rank, n int64, score float64) bool
	if seen["byscore"] {
		low, high := args[1], args[2]
		if seen["rev"] {
			low, high = high, low
		}
		from, okFrom := modelFloat(strings.TrimPrefix(low, "("))
		to, okTo := modelFloat(strings.TrimPrefix(high, "("))
		if !okFrom || !okTo {
			return "(error) ERR min or max is not a float"
		}
		in = func(_, _ int64, s float64) bool {
			return s >= from && s <= to && (low[0] != '(' || s > from) && (high[0] != '(' || s < to)
		}
	} else {
		from, okFrom := modelInt(args[1])
		to, okTo := modelInt(args[2])
		if !okFrom || !okTo {
			return modelNotInteger
		}
		in = func(rank, n int64, _ float64) bool {
			start, stop := from, to
			if start < 0 {
				start += n
			}
			if stop < 0 {
				stop += n
			}
			return rank >= start && rank <= stop
		}
	}

	o := m.get(args[0], "zset")
	if o == nil {
		return modelWrongType
	}
	members := []string{}
	for member := range o.scores {
		members = append(members, member)
	}
	sort.Slice(members, func(i, j int) bool {
		a, b := members[i], members[j]
		if seen["rev"] {
			a, b = b, a
		}
		return o.scores[a] < o.scores[b] || o.scores[a] == o.scores[b] && a < b
	})

	list, skipped := []string{}, int64(0)
	for rank, member := range members {
		if !in(int64(rank), int64(len(members)), o.scores[member]) {
			continue
		}
		if seen["byscore"] && skipped != offset {
			skipped++
			continue
		}
		if count == 0 {
			break
		}
		count--
		list = append(list, strconv.Quote(member))
		if seen["withscores"] {
			list = append(list, modelScore(o.scores[member]))
		}
	}
	return "[" + strings.Join(list, " ") + "]"
}

func modelFloat(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f)
}

// modelScore is good for the scores of these tests: infinities and multiples of
// a quarter.
func modelScore(f float64) string {
	if math.IsInf(f, 0) {
		return strconv.Quote(strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(f, 'f', -1, 64)), "+"))
	}
	return strconv.Quote(strconv.FormatFloat(f, 'f', -1, 64))
}
