package scenario

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The phrases are values of several words: delays, keys, levels.

const delayExample = "80ms, 80ms±10%, 80ms exponential 20ms, 80ms lognormal 20%, or 80ms bimodal 400ms 5%"

// parseDelay reads a distribution of delays.
func parseDelay(text string) (Delay, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "+-", "±"), "±", " ± ")
	words := strings.Fields(text)
	if len(words) == 0 {
		return Delay{}, fmt.Errorf("%q is no delay; write it as %s", text, delayExample)
	}
	base, err := parseDuration(words[0])
	if err != nil {
		return Delay{}, err
	}

	d := Delay{Kind: Const, Base: base}
	switch {
	case len(words) == 1:
		return d, nil
	case len(words) == 3 && (words[1] == "±" || words[1] == string(Uniform)):
		d.Kind = Uniform
	case len(words) == 3 && words[1] == string(Exponential):
		d.Kind = Exponential
	case len(words) == 3 && words[1] == string(Lognormal):
		d.Kind = Lognormal
	case len(words) == 4 && words[1] == string(Bimodal):
		d.Kind = Bimodal
		if d.Share, err = parseShare(words[3]); err != nil {
			return Delay{}, err
		}
	default:
		return Delay{}, fmt.Errorf("%q is no delay; write it as %s", text, delayExample)
	}
	if d.Spread, err = parseSpread(words[2], base); err != nil {
		return Delay{}, err
	}
	return d, d.sound()
}

// parseSpread reads a time, or a share of the base.
func parseSpread(text string, base time.Duration) (time.Duration, error) {
	if !strings.HasSuffix(text, "%") {
		return parseDuration(text)
	}
	share, err := parseShare(text)
	if err != nil {
		return 0, err
	}
	return base/1_000_000*time.Duration(share) + base%1_000_000*time.Duration(share)/1_000_000, nil
}

// sound tells what is wrong with a delay.
func (d Delay) sound() error {
	switch {
	case d.Spread == 0:
		return fmt.Errorf("a delay that is %s needs a spread above 0; write it as %s", d.Kind, delayExample)
	case d.Kind == Uniform && d.Spread > d.Base:
		return fmt.Errorf("a delay of %s cannot vary by %s; write a smaller spread", formatDuration(d.Base), formatDuration(d.Spread))
	case d.Kind == Bimodal && d.Share == 0:
		return fmt.Errorf("a bimodal delay needs a share above 0; write it as 80ms bimodal 400ms 5%%")
	default:
		return nil
	}
}

func formatDelay(d Delay) string {
	base, spread := formatDuration(d.Base), formatDuration(d.Spread)
	switch d.Kind {
	case Uniform:
		return base + "±" + spread
	case Exponential, Lognormal:
		return base + " " + string(d.Kind) + " " + spread
	case Bimodal:
		return base + " bimodal " + spread + " " + formatShare(d.Share)
	default:
		return base
	}
}

const keysExample = "1000 uniform, 100k zipf 1.1, or hot 1"

// parseKeys reads how keys are chosen.
func parseKeys(text string) (Keys, error) {
	wrong := fmt.Errorf("%q does not say which keys; write it as %s", text, keysExample)
	words := strings.Fields(text)
	if len(words) == 2 && words[0] == string(KeysHot) {
		count, err := parseCount(words[1])
		return checkKeys(Keys{Choice: KeysHot, Count: count}, err)
	}
	if len(words) < 2 {
		return Keys{}, wrong
	}

	count, err := parseCount(words[0])
	if err != nil {
		return Keys{}, err
	}
	switch {
	case len(words) == 2 && words[1] == string(KeysUniform):
		return checkKeys(Keys{Choice: KeysUniform, Count: count}, nil)
	case len(words) == 3 && words[1] == string(KeysZipf):
		skew, err := parseOne(words[2], "the skew of zipf", "zipf 1.1", thousandths)
		if err == nil && (skew < 1 || skew > 5000) {
			err = fmt.Errorf("zipf %s is out of range; write a skew of 0.001 to 5", words[2])
		}
		return checkKeys(Keys{Choice: KeysZipf, Count: count, Skew: int(skew)}, err)
	default:
		return Keys{}, wrong
	}
}

// maxKeys bounds the keys of one load, for the world holds them in memory.
const maxKeys = 100_000_000

func checkKeys(k Keys, err error) (Keys, error) {
	if err == nil && (k.Count < 1 || k.Count > maxKeys) {
		err = fmt.Errorf("%d keys are out of range; write 1 to 100M", k.Count)
	}
	return k, err
}

func formatKeys(k Keys) string {
	switch k.Choice {
	case KeysHot:
		return "hot " + formatCount(k.Count)
	case KeysZipf:
		return formatCount(k.Count) + " zipf " + decimal(int64(k.Skew), 1000)
	default:
		return formatCount(k.Count) + " uniform"
	}
}

// parseLevel reads how many copies a write waits for.
func parseLevel(text string) (Level, error) {
	switch text {
	case "local":
		return AtNode, nil
	case "region":
		return AtRegion, nil
	}
	number, ok := strings.CutPrefix(text, "regions:")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 2 || n > 1000 {
		return 0, fmt.Errorf("%q is no level; write local, region, or regions:2", text)
	}
	return Level(n), nil
}

// String writes a level as a scenario and the command line do.
func (l Level) String() string {
	switch l {
	case AtNode:
		return "local"
	case AtRegion:
		return "region"
	default:
		return "regions:" + strconv.Itoa(int(l))
	}
}

func formatLevel(l Level) string { return l.String() }

// parseBound reads a comparison, or a bare limit that must not be passed.
func parseBound(row MetricRow, text string) (Bound, error) {
	b := Bound{Metric: row.Metric, Op: "<="}
	rest := text
	for _, op := range []string{"<=", ">=", "<", ">", "="} {
		if after, ok := strings.CutPrefix(text, op); ok {
			b.Op, rest = op, strings.TrimSpace(after)
			break
		}
	}

	var err error
	switch row.Unit {
	case Time:
		var d time.Duration
		d, err = parseDuration(rest)
		b.Limit = int64(d)
	case Bytes:
		b.Limit, err = parseBytes(rest)
	case Count:
		b.Limit, err = parseCount(rest)
	}
	return b, err
}

func formatBound(b Bound) string {
	limit := b.Metric.Format(b.Limit)
	if b.Op == "<=" {
		return limit
	}
	return b.Op + " " + limit
}

// String writes a bound as people say it: "heal.bytes < 50MB".
func (b Bound) String() string {
	return string(b.Metric) + " " + b.Op + " " + b.Metric.Format(b.Limit)
}

// Format writes a measured value in the unit of its metric.
func (m Metric) Format(value int64) string {
	for _, row := range metrics {
		switch {
		case row.Metric != m:
		case row.Unit == Time:
			return formatDuration(time.Duration(value))
		case row.Unit == Bytes:
			return formatBytes(value)
		case row.Unit == Count:
			return formatCount(value)
		}
	}
	return ""
}
