package scenario

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// longest bounds every time in a scenario, so that sums of them fit.
const longest = 10 * 365 * 24 * time.Hour

// A scale gives the units of a quantity, each as a multiple of what is stored.
type scale []struct {
	name   string
	factor int64
}

var durations = scale{ // immutable: only read
	{"d", int64(24 * time.Hour)},
	{"h", int64(time.Hour)},
	{"ms", int64(time.Millisecond)},
	{"m", int64(time.Minute)},
	{"us", int64(time.Microsecond)},
	{"µs", int64(time.Microsecond)},
	{"ns", 1},
	{"s", int64(time.Second)},
}

var byteSizes = scale{ // immutable: only read
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"KB", 1e3},
	{"B", 1},
}

var bitRates = scale{ // immutable: only read
	{"Gbit", 1e9},
	{"Mbit", 1e6},
	{"kbit", 1e3},
	{"Kbit", 1e3},
	{"bit", 1},
}

var shares = scale{{"%", 10_000}, {"ppm", 1}} // immutable: only read

var frequencies = scale{{"/s", 1000}} // immutable: only read

var counts = scale{{"k", 1e3}, {"M", 1e6}, {"", 1}} // immutable: only read

var thousandths = scale{{"", 1000}} // immutable: only read

// parseOne reads one number with its unit, such as 1.5ms, exactly.
func parseOne(text, what, example string, units scale) (int64, error) {
	number := numberOf(text)
	if number == "" {
		return 0, fmt.Errorf("%q is not %s; write it as %s", text, what, example)
	}
	unit := strings.TrimSpace(text[len(number):])
	for _, u := range units {
		if u.name == unit {
			return scaled(number, u.factor)
		}
	}
	if unit == "" {
		return 0, fmt.Errorf("%q has no unit; write it as %s", text, example)
	}
	return 0, fmt.Errorf("%q has an unknown unit %q; write %s as %s", text, unit, what, example)
}

// numberOf gives the digits, with a decimal point, that text begins with.
func numberOf(text string) string {
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || text[end] == '.') {
		end++
	}
	return text[:end]
}

// scaled multiplies a decimal number, and refuses what does not come out whole.
func scaled(number string, factor int64) (int64, error) {
	whole, fraction, _ := strings.Cut(number, ".")
	fraction = strings.TrimRight(fraction, "0")
	if len(whole) > 18 || len(fraction) > 18 || whole == "" {
		return 0, fmt.Errorf("%q is not a number that can be used; write fewer digits", number)
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number; write digits, such as 12.5", number)
	}
	high, total := bits.Mul64(n, uint64(factor))
	if fraction != "" {
		part, err := partOf(fraction, uint64(factor))
		if err != nil {
			return 0, fmt.Errorf("%q %w", number, err)
		}
		var carry uint64
		total, carry = bits.Add64(total, part, 0)
		high += carry
	}
	if high != 0 || total > 1<<62 {
		return 0, fmt.Errorf("%q is too large", number)
	}
	return int64(total), nil
}

// partOf multiplies 0.fraction.
func partOf(fraction string, factor uint64) (uint64, error) {
	n, err := strconv.ParseUint(fraction, 10, 64)
	if err != nil {
		return 0, errors.New("is not a number; write digits, such as 12.5")
	}
	power := uint64(1)
	for range fraction {
		power *= 10
	}
	high, low := bits.Mul64(n, factor) // below power*factor, so high is below power
	part, rest := bits.Div64(high, low, power)
	if rest != 0 {
		return 0, errors.New("is finer than can be told apart; write fewer digits")
	}
	return part, nil
}

// decimal writes n/factor exactly; factor is a power of ten.
func decimal(n, factor int64) string {
	whole, rest := n/factor, n%factor
	if rest == 0 {
		return strconv.FormatInt(whole, 10)
	}
	fraction := strconv.FormatInt(factor+rest, 10)[1:]
	return strconv.FormatInt(whole, 10) + "." + strings.TrimRight(fraction, "0")
}

func parseDuration(text string) (time.Duration, error) {
	const what, example = "a time", "30s, 1.5ms or 1h30m"
	if strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("%q is negative; write it as %s", text, example)
	}
	if text == "" {
		return 0, fmt.Errorf("%q is not %s; write it as %s", text, what, example)
	}

	var sum time.Duration
	for rest := text; rest != ""; {
		end := len(numberOf(rest))
		for end < len(rest) && !strings.ContainsRune("0123456789.", rune(rest[end])) {
			end++
		}
		n, err := parseOne(rest[:end], what, example, durations)
		if err != nil {
			return 0, err
		}
		if n > int64(longest) || sum+time.Duration(n) > longest {
			return 0, fmt.Errorf("%q is too long; a simulation has ten years at most", text)
		}
		sum, rest = sum+time.Duration(n), rest[end:]
	}
	return sum, nil
}

// formatDuration writes 10m, not 10m0s.
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// parseOffset reads a signed time.
func parseOffset(text string) (time.Duration, error) {
	size, negative := unsigned(text)
	d, err := parseDuration(size)
	switch {
	case err != nil:
		return 0, err
	case d == 0:
		return 0, fmt.Errorf("%q changes nothing; write it as +900ms or -1h", text)
	case negative:
		return -d, nil
	default:
		return d, nil
	}
}

// unsigned takes the sign off a number.
func unsigned(text string) (size string, negative bool) {
	if size, negative = strings.CutPrefix(text, "-"); negative {
		return size, true
	}
	return strings.TrimPrefix(text, "+"), false
}

func formatOffset(d time.Duration) string {
	if d < 0 {
		return formatDuration(d)
	}
	return "+" + formatDuration(d)
}

// parseRestart reads a time, or never.
func parseRestart(text string) (time.Duration, error) {
	if text == "never" {
		return Never, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w, or never", err)
	}
	return d, nil
}

func formatRestart(d time.Duration) string {
	if d == Never {
		return "never"
	}
	return formatDuration(d)
}

func parseBytes(text string) (int64, error) {
	return parseOne(text, "a size", "256B, 4KiB or 50MB", byteSizes)
}

func formatBytes(n int64) string {
	if n == 0 {
		return "0B"
	}
	for _, unit := range byteSizes {
		if n%unit.factor == 0 {
			return strconv.FormatInt(n/unit.factor, 10) + unit.name
		}
	}
	return ""
}

func parseBits(text string) (int64, error) {
	return parseOne(strings.TrimSuffix(text, "/s"), "a bandwidth", "50Mbit or 500kbit", bitRates)
}

func formatBits(n int64) string {
	if n == 0 {
		return "0bit"
	}
	for _, unit := range bitRates {
		if n%unit.factor == 0 {
			return strconv.FormatInt(n/unit.factor, 10) + unit.name
		}
	}
	return ""
}

func parseShare(text string) (PPM, error) {
	n, err := parseOne(text, "a share", "5%, 0.1% or 200ppm", shares)
	if err == nil && n > 1_000_000 {
		return 0, fmt.Errorf("%q is more than everything; write 100%% at most", text)
	}
	return PPM(n), err
}

func formatShare(p PPM) string { return decimal(int64(p), 10_000) + "%" }

// parseDrift reads a signed share.
func parseDrift(text string) (PPM, error) {
	size, negative := unsigned(text)
	p, err := parseShare(size)
	switch {
	case err != nil:
		return 0, err
	case p == 0:
		return 0, fmt.Errorf("%q changes nothing; write it as +200ppm or -0.1%%", text)
	case negative:
		return -p, nil
	default:
		return p, nil
	}
}

func formatDrift(p PPM) string { return fmt.Sprintf("%+dppm", int64(p)) }

// parseRate reads operations per second, minute or hour.
func parseRate(text string) (Rate, error) {
	const what, example = "a rate", "500/s, 30/m or 0.5/s"
	for _, slower := range []struct {
		suffix  string
		seconds int64
	}{{"/m", 60}, {"/h", 3600}} {
		number, ok := strings.CutSuffix(text, slower.suffix)
		if !ok {
			continue
		}
		n, err := parseOne(number+"/s", what, example, frequencies)
		if err == nil && n%slower.seconds != 0 {
			err = fmt.Errorf("%q is no whole number of thousandths in a second; write it as %s", text, example)
		}
		return Rate(n / slower.seconds), err
	}
	n, err := parseOne(text, what, example, frequencies)
	return Rate(n), err
}

func formatRate(r Rate) string { return decimal(int64(r), 1000) + "/s" }

func parseCount(text string) (int64, error) {
	return parseOne(text, "a number", "3, 1000 or 100k", counts)
}

func formatCount(n int64) string {
	switch {
	case n > 0 && n%1_000_000 == 0:
		return strconv.FormatInt(n/1_000_000, 10) + "M"
	case n > 0 && n%1000 == 0:
		return strconv.FormatInt(n/1000, 10) + "k"
	default:
		return strconv.FormatInt(n, 10)
	}
}

func parseInt(text string) (int, error) {
	n, err := parseCount(text)
	if err == nil && n > 1<<30 {
		err = fmt.Errorf("%q is too large", text)
	}
	return int(n), err
}

func formatInt(n int) string { return strconv.Itoa(n) }

func parseYes(text string) (bool, error) {
	switch text {
	case "yes", "true", "on":
		return true, nil
	case "no", "false", "off":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", text)
}

func formatYes(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// parseRange reads least..most, or one value that is both.
func parseRange[T ~int64](text string, one func(string) (T, error)) (least, most T, err error) {
	low, high, isRange := strings.Cut(text, "..")
	if least, err = one(strings.TrimSpace(low)); err != nil || !isRange {
		return least, least, err
	}
	if most, err = one(strings.TrimSpace(high)); err == nil && most < least {
		err = fmt.Errorf("%q runs downwards; write the smaller end first", text)
	}
	return least, most, err
}

func formatRange[T ~int64](least, most T, one func(T) string) string {
	if least == most {
		return one(least)
	}
	return one(least) + ".." + one(most)
}

func parseSizes(text string) (Sizes, error) {
	least, most, err := parseRange(text, parseBytes)
	return Sizes{least, most}, err
}

func formatSizes(s Sizes) string { return formatRange(s.Least, s.Most, formatBytes) }

func parseSpan(text string) (Span, error) {
	least, most, err := parseRange(text, parseDuration)
	return Span{least, most}, err
}

func formatSpan(s Span) string { return formatRange(s.Least, s.Most, formatDuration) }
