package world

import "github.com/atollcache/atoll/simulate/scenario"

// enactments says what each kind of step does. A kind that is missing cannot be
// simulated.
var enactments = map[scenario.Kind]enactment{ // immutable: nothing writes it
	scenario.Cut:        cut,
	scenario.CutOneWay:  cutOneWay,
	scenario.Bridge:     bridge,
	scenario.Isolate:    isolate,
	scenario.Swizzle:    swizzle,
	scenario.Drop:       drop,
	scenario.BurstLoss:  burstLoss,
	scenario.Duplicate:  duplicate,
	scenario.Reorder:    reorder,
	scenario.Delayed:    delayed,
	scenario.Throttle:   throttle,
	scenario.FrameLimit: frameLimit,
	scenario.Flap:       flap,
	scenario.Gray:       gray,
	scenario.Corrupt:    corrupt,
	scenario.BlackHole:  blackHole,
	scenario.Away:       away,
	scenario.Apart:      cut,

	scenario.Crash:    crash,
	scenario.Restart:  restart,
	scenario.Pause:    pause,
	scenario.SlowNode: slowNode,
	scenario.Twin:     twin,
	scenario.Wipe:     wipe,
	scenario.Overload: overload,

	scenario.ClockSkew:   clockSkew,
	scenario.ClockDrift:  clockDrift,
	scenario.ClockJump:   clockJump,
	scenario.ClockStrobe: clockStrobe,
	scenario.ClockPoison: clockPoison,

	scenario.Join:             join,
	scenario.JoinStorm:        joinStorm,
	scenario.LeaveStorm:       leaveStorm,
	scenario.Drain:            drainNodes,
	scenario.FalseDeath:       falseDeath,
	scenario.FlapSuspicion:    flapSuspicion,
	scenario.SplitBrain:       splitBrain,
	scenario.RingDisagreement: ringDisagreement,

	scenario.LoadBurst:        loadBurst,
	scenario.LoadHotKey:       hotKey,
	scenario.LoadStampede:     stampede,
	scenario.LoadCounterStorm: counterStorm,
	scenario.LoadRecreate:     recreate,
	scenario.LoadHugeValues:   hugeValues,
	scenario.LoadHugeMaps:     hugeMaps,

	scenario.Unequal: unequal,
}

// Simulates says whether the world can do a kind of step.
func Simulates(kind scenario.Kind) bool {
	_, ok := enactments[kind]
	return ok
}
