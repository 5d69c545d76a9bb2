package report

import (
	"fmt"
	"strconv"
	"time"

	"github.com/atollcache/atoll/simulate/scenario"
)

// Span writes a time in three or four digits.
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + Span(-d)
	case d == 0:
		return "0s"
	case d < time.Millisecond:
		return fmt.Sprintf("%dµs", d.Microseconds())
	case d < 100*time.Millisecond:
		return trim(float64(d)/float64(time.Millisecond), "ms")
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return trim(float64(d)/float64(time.Second), "s")
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

// Bytes writes a size in three digits.
func Bytes(n int64) string {
	units := [...]string{"B", "kB", "MB", "GB", "TB"}
	value, unit := float64(n), 0
	for value >= 1000 && unit < len(units)-1 {
		value, unit = value/1000, unit+1
	}
	return trim(value, " "+units[unit])
}

// trim writes three digits, without zeros at the end.
func trim(value float64, unit string) string {
	digits := 0
	switch {
	case value < 10:
		digits = 2
	case value < 100:
		digits = 1
	}
	text := strconv.FormatFloat(value, 'f', digits, 64)
	if digits > 0 {
		for text[len(text)-1] == '0' {
			text = text[:len(text)-1]
		}
		if text[len(text)-1] == '.' {
			text = text[:len(text)-1]
		}
	}
	return text + unit
}

// Measure writes a figure in the unit of its metric.
func Measure(m scenario.Metric, value int64) string {
	for _, row := range scenario.Metrics() {
		switch {
		case row.Metric != m:
		case row.Unit == scenario.Time:
			return Span(time.Duration(value))
		case row.Unit == scenario.Bytes:
			return Bytes(value)
		}
	}
	return strconv.FormatInt(value, 10)
}

// plural writes a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
