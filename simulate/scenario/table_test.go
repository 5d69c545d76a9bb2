package scenario

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollcache/atoll/command"
	"github.com/atollcache/atoll/replica"
	"github.com/atollcache/atoll/ring"
	"github.com/atollcache/atoll/wire"
)

// TestConfigIsThatOfTheReplica holds the knobs to the timing of production:
// none is missing, none is of another kind.
func TestConfigIsThatOfTheReplica(t *testing.T) {
	config := reflect.TypeFor[Config]()
	for timing := range reflect.TypeFor[replica.Timing]().Fields() {
		knob, ok := config.FieldByName(strings.TrimSuffix(timing.Name, "Bytes"))
		if !ok {
			t.Errorf("no knob for replica.Timing.%s", timing.Name)
			continue
		}
		duration := timing.Type == reflect.TypeFor[time.Duration]()
		if duration != (knob.Type == reflect.TypeFor[time.Duration]()) {
			t.Errorf("%s is %v here and %v in the replica", knob.Name, knob.Type, timing.Type)
		}
	}
	if n := len(configFields()); n != config.NumField() {
		t.Errorf("%d keys for %d settings", n, config.NumField())
	}
	if totalPartitions != ring.Partitions {
		t.Errorf("%d partitions here, %d in the ring", totalPartitions, ring.Partitions)
	}
}

// TestWordsAreThoseOfTheProduct holds commands and message classes to the
// packages that define them.
func TestWordsAreThoseOfTheProduct(t *testing.T) {
	var known []string
	for _, c := range command.Table() {
		known = append(known, c.Name)
	}
	for _, op := range ops {
		if !slices.Contains(known, op.Name) {
			t.Errorf("%s is no command", op.Name)
		}
	}

	kinds := []Class{AnyClass}
	for k := wire.KindBatch; k <= wire.KindHandedOff; k++ {
		kinds = append(kinds, Class(k.String()))
	}
	if !slices.Equal(kinds, classes) {
		t.Errorf("classes %v, messages %v", classes, kinds)
	}
}

// TestFaultsAreWhole wants every row of the table to be usable: its parameters
// can be read, its default too, and nothing is named twice.
func TestFaultsAreWhole(t *testing.T) {
	seen := map[Kind]bool{}
	for _, f := range Faults() {
		if seen[f.Kind] {
			t.Errorf("%s stands in the table twice", f.Kind)
		}
		seen[f.Kind] = true
		if f.About == "" || f.Shape == "" || !strings.HasSuffix(f.About, ".") {
			t.Errorf("%s says too little", f.Kind)
		}
		for _, param := range f.Params {
			_, field, ok := f.param(param.Name)
			if !ok {
				t.Errorf("%s: nothing reads %s", f.Kind, param.Name)
				continue
			}
			if param.Required == (param.Default != "") {
				t.Errorf("%s: %s has a default or is required, one of the two", f.Kind, param.Name)
			}
			if param.Default != "" {
				r := &reader{}
				field.read(r, constant(param.Default), &Step{})
				if len(r.errs) > 0 {
					t.Errorf("%s: %v", f.Kind, r.errs)
				}
			}
		}
	}
	for _, dish := range dishes {
		if !seen[dish.kind] {
			t.Errorf("random scenarios draw %s, which is no fault", dish.kind)
		}
		delete(seen, dish.kind)
	}
	for kind := range seen {
		if f, _ := FaultOf(kind); f.Group != Disk && kind != Restart && kind != Apart {
			t.Errorf("random scenarios never draw %s", kind)
		}
	}
}

func TestPatternsAreWhole(t *testing.T) {
	for _, row := range Patterns() {
		l := Load{Pattern: row.Pattern, Ops: 1000}
		l.complete()
		if len(l.Mix) == 0 || l.Keys.Count == 0 || l.Value.Most == 0 || l.Fields == 0 || l.Every == 0 {
			t.Errorf("%s leaves something open: %+v", row.Pattern, l)
		}
	}
}

// TestPartitions keeps keys close enough to meet, and spreads many.
func TestPartitions(t *testing.T) {
	for keys, want := range map[int64]int{1: 4, 128: 4, 129: 8, 1000: 32, 100_000: 1024} {
		s := &Scenario{Load: []Load{{Keys: Keys{Count: keys}}}}
		if got := s.Partitions(); got != want {
			t.Errorf("%d keys in %d partitions, want %d", keys, got, want)
		}
		s.Config.Partitions = 7
		if s.Partitions() != 7 {
			t.Error("the config was not heard")
		}
	}
}

func TestBounds(t *testing.T) {
	for _, test := range []struct {
		op    string
		holds [3]bool // of 9, 10, 11 against 10
	}{
		{"<", [3]bool{true, false, false}},
		{"<=", [3]bool{true, true, false}},
		{">", [3]bool{false, false, true}},
		{">=", [3]bool{false, true, true}},
		{"=", [3]bool{false, true, false}},
	} {
		for i, want := range test.holds {
			if got := (Bound{Op: test.op, Limit: 10}).Holds(int64(9 + i)); got != want {
				t.Errorf("%d %s 10 is %v", 9+i, test.op, got)
			}
		}
	}
}
