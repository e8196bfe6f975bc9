package reset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/offset"
	"github.com/terraform-offsets/terraform-provider-offsets/internal/reset"
)

// destruction is of the last reset, which has left the record.
func destruction(does reset.OnDestroy, record []offset.Outcome) reset.Destruction {
	return reset.Destruction{
		Broker: reset.Kafka, OnDestroy: does, Stuck: "Set it aside.",
		Last: reset.Last{Name: reset.Name{Group: "billing", Topics: []string{"orders"}}, ClusterID: "c1", Record: record},
	}
}

func TestDestroyOfACompletedReset(t *testing.T) {
	for _, c := range []struct {
		does      reset.OnDestroy
		announces string
		calls     string
		want      []int64
	}{
		{"", "", "", []int64{20, 20, 20}},
		{reset.DestroyKeeps, "", "", []int64{20, 20, 20}},
		{reset.DestroyRestores, `Restore consumer group "billing" on topic "orders": destroying puts back 3 partitions, about 0 messages replayed and 120 skipped`, "undo", []int64{60, 60, 60}},
		{reset.DestroyDeletes, `Delete the offsets of consumer group "billing" on topic "orders": destroying deletes the offsets of 3 partitions`, "forget", []int64{-1, -1, -1}},
	} {
		t.Run(string(c.does), func(t *testing.T) {
			m := newMemory()
			run := newRun()
			last := reset.NewRun(&hands{}).Reset(t.Context(), m.opening(), attempt(to(20))).Result
			m.called()
			d := destruction(c.does, last.Outcomes)
			announced, err := d.Announce()
			if err != nil {
				t.Fatal(err)
			}
			if c.announces == "" && len(announced) > 0 {
				t.Errorf("announced %+v", announced)
			}
			says(t, announced, strings.Fields(c.announces)...)
			record, notices := run.Destroy(t.Context(), m.opening(), d)
			if record != nil || len(notices) > 0 {
				t.Errorf("record %+v, notices %+v", record, notices)
			}
			is(t, m, "billing", c.want...)
			calls(t, m, c.calls)
		})
	}
}

// Keep needs no broker: a state must be removable when its cluster is gone.
func TestKeepOpensNothing(t *testing.T) {
	_, notices := newRun().Destroy(t.Context(), func() (reset.Engine, error) {
		t.Error("a broker was looked for")
		return nil, errors.New("gone")
	}, destruction(reset.DestroyKeeps, []offset.Outcome{done(60, 20)}))
	if len(notices) > 0 {
		t.Errorf("notices %+v", notices)
	}
}

// A reset that failed half-way is put back, whatever on_destroy says, and
// on_destroy is about the completed one before it.
func TestDestroyOfAnIncompleteReset(t *testing.T) {
	const before = ` {"orders":{"0":{"previous":80,"offset":60,"start":10,"end":100},"1":{"previous":80,"offset":60,"start":10,"end":100},"2":{"previous":null,"offset":60,"start":10,"end":100}}}`
	for name, c := range map[string]struct {
		does      reset.OnDestroy
		completed bool
		announces []string
		calls     string
		want      []int64
	}{
		"keep":                     {reset.DestroyKeeps, true, []string{"puts back 2 partitions", "whatever on_destroy says"}, "undo", []int64{60, 60, 60}},
		"keep, the first one":      {reset.DestroyKeeps, false, []string{"puts back 2 partitions"}, "undo", []int64{60, 60, 60}},
		"restore":                  {reset.DestroyRestores, true, []string{"puts back 2 partitions", "Restore", "puts back 3 partitions, about 0 messages replayed and 40 skipped"}, "undo undo", []int64{80, 80, -1}},
		"restore, the first one":   {reset.DestroyRestores, false, []string{"puts back 2 partitions"}, "undo", []int64{60, 60, 60}},
		"delete":                   {reset.DestroyDeletes, true, []string{"puts back 2 partitions", "deletes the offsets of 3 partitions"}, "undo forget", []int64{-1, -1, -1}},
		"delete with no completed": {reset.DestroyDeletes, false, []string{"puts back 2 partitions"}, "undo", []int64{60, 60, 60}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			last := half(t, m, newRun())
			d := destruction(c.does, last.Outcomes)
			if c.completed {
				d.Last.Kept.Completed = &reset.Completed{ClusterID: "c1", Record: before}
			}
			announced, err := d.Announce()
			if err != nil {
				t.Fatal(err)
			}
			says(t, announced, c.announces...)
			record, notices := newRun().Destroy(t.Context(), m.opening(), d)
			says(t, notices)
			is(t, m, "billing", c.want...)
			calls(t, m, c.calls)
			// Were it refused now, the state would tell that nothing is left of it.
			recordIs(t, record, outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone))
		})
	}
}

// The completed reset may be on another cluster than the incomplete one, which
// is told, and keeps the state.
func TestDestroyThatFails(t *testing.T) {
	stuck := func(t *testing.T, notices []reset.Notice, code offset.Code) {
		t.Helper()
		if len(notices) == 0 || notices[len(notices)-1].Code != code || !strings.HasSuffix(notices[len(notices)-1].Text, "\n\nSet it aside.") {
			t.Errorf("notices %+v", notices)
		}
	}
	t.Run("somebody has moved an offset", func(t *testing.T) {
		m := newMemory()
		last := newRun().Reset(t.Context(), m.opening(), attempt(to(20))).Result
		m.commit("billing", 20, 21, 20)
		record, notices := newRun().Destroy(t.Context(), m.opening(), destruction(reset.DestroyRestores, last.Outcomes))
		stuck(t, notices, offset.Overwritten)
		says(t, notices, `Restore consumer group "billing" on topic "orders"`, "orders-1", "Nothing was changed.")
		is(t, m, "billing", 20, 21, 20)
		if record != nil {
			t.Errorf("record %+v", record)
		}
	})
	t.Run("no broker", func(t *testing.T) {
		_, notices := newRun().Destroy(t.Context(), func() (reset.Engine, error) { return nil, errors.New("no way there") }, destruction(reset.DestroyRestores, []offset.Outcome{done(60, 20)}))
		stuck(t, notices, offset.Failed)
		says(t, notices, "No way there.")
	})
	t.Run("the completed one is elsewhere", func(t *testing.T) {
		m := newMemory()
		last := half(t, m, newRun())
		d := destruction(reset.DestroyRestores, last.Outcomes)
		d.Last.Kept.Completed = &reset.Completed{ClusterID: "c0", Record: ` {"orders":{"0":{"previous":80,"offset":60,"start":10,"end":100}}}`}
		record, notices := newRun().Destroy(t.Context(), m.opening(), d)
		stuck(t, notices, offset.WrongCluster)
		is(t, m, "billing", 60, 60, 60) // The incomplete one was put back.
		recordIs(t, record, outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone))
	})
	t.Run("putting back stops half-way", func(t *testing.T) {
		m := newMemory()
		last := half(t, m, newRun())
		m.refuses = slices.Clone(m.partition[2:])
		d := destruction(reset.DestroyDeletes, last.Outcomes)
		d.Last.Kept.Completed = &reset.Completed{ClusterID: "c1", Record: ` {"orders":{"0":{"previous":80,"offset":60,"start":10,"end":100}}}`}
		record, notices := newRun().Destroy(t.Context(), m.opening(), d)
		stuck(t, notices, offset.Incomplete)
		is(t, m, "billing", 60, 60, 20)
		recordIs(t, record, outcome(60, 20, offset.NotDone), outcome(60, 20, offset.NotDone), done(60, 20))
		calls(t, m, "undo") // and nothing is deleted
		// The next destroy does the rest.
		d.Last.Record = record
		_, notices = newRun().Destroy(t.Context(), m.opening(), d)
		says(t, notices)
		is(t, m, "billing", -1, 60, 60)
	})
	t.Run("the record of the completed one is damaged", func(t *testing.T) {
		d := destruction(reset.DestroyRestores, []offset.Outcome{done(60, 20), outcome(60, 20, offset.NotDone)})
		d.Last.Kept.Completed = &reset.Completed{Record: "{"}
		if _, err := d.Announce(); err == nil {
			t.Error("it was announced")
		}
		m := newMemory()
		_, notices := newRun().Destroy(t.Context(), m.opening(), d)
		if !reset.Failed(notices) {
			t.Errorf("notices %+v", notices)
		}
		calls(t, m, "")
	})
}

// Consumers that have moved on bar no way out of a reset that failed half-way.
func TestDestroyOfAnIncompleteResetWhoseConsumersHaveMovedOn(t *testing.T) {
	m := newMemory()
	last := half(t, m, newRun())
	m.commit("billing", 25, 60, 20)
	_, notices := newRun().Destroy(t.Context(), m.opening(), destruction(reset.DestroyKeeps, last.Outcomes))
	if reset.Failed(notices) {
		t.Errorf("notices %+v", notices)
	}
	says(t, notices, "please note", "Left alone: orders-0.")
	is(t, m, "billing", 25, 60, 60)
}

// A new instance may be created before the old one is destroyed: what it has
// set is left alone, in its own group and instance only.
func TestDestroyLeavesAloneWhatThisRunHasSet(t *testing.T) {
	for name, c := range map[string]struct {
		instance string
		want     []int64
	}{"of the same instance": {"", []int64{30, 60, 60}}, "of another instance": {"i", []int64{20, 20, 20}}} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			last := newRun().Reset(t.Context(), m.opening(), attempt(to(20))).Result
			run := newRun()
			newer := attempt(to(30))
			newer.Instance, newer.Request.Scope.Partitions = c.instance, []int32{0}
			if name == "of another instance" { // Another broker has it; here nothing is set.
				run.Reset(t.Context(), newMemory().opening(), newer)
				m.commit("billing", 21, 20, 20)
			} else {
				run.Reset(t.Context(), m.opening(), newer)
			}
			_, notices := run.Destroy(t.Context(), m.opening(), destruction(reset.DestroyRestores, last.Outcomes))
			if name == "of another instance" {
				says(t, notices, "orders-0") // moved by somebody else
				return
			}
			says(t, notices)
			is(t, m, "billing", c.want...)
		})
	}
}

// An imported reset has no record: there is nothing to go back to.
func TestDestroyOfAnImportedReset(t *testing.T) {
	for does, words := range map[reset.OnDestroy][]string{
		reset.DestroyKeeps:    nil,
		reset.DestroyRestores: {`on_destroy = "restore" has nothing to do`, "was imported"},
		reset.DestroyDeletes:  {`on_destroy = "delete_offsets" has nothing to do`},
	} {
		d := destruction(does, nil)
		announced, err := d.Announce()
		if err != nil {
			t.Fatal(err)
		}
		m := newMemory()
		_, notices := newRun().Destroy(t.Context(), m.opening(), d)
		for _, told := range [][]reset.Notice{announced, notices} {
			if says(t, told, words...); reset.Failed(told) || len(told) > 1 {
				t.Errorf("%s: %+v", does, told)
			}
		}
		calls(t, m, "")
	}
}

// What an undo cannot take away is not counted as going back: RocketMQ keeps a
// first offset.
func TestAnnouncedFigures(t *testing.T) {
	record := []offset.Outcome{
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders"}, Previous: 80, Offset: 20, Start: 10, End: 100}},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 1}, Previous: offset.None, Offset: 20, Start: 10, End: 100}},
		{Move: offset.Move{Partition: offset.Partition{Topic: "orders", ID: 2}, Previous: 20, Offset: 20, Start: 10, End: 100}},
	}
	for _, c := range []struct {
		broker reset.Broker
		says   []string
	}{
		{reset.Kafka, []string{`on topic "orders", partitions 0, 1, 2: destroying puts back 2 partitions`, "60 skipped", "if members are still active"}},
		{reset.RocketMQ, []string{"destroying puts back 1 queue, about 0 messages replayed and 60 skipped"}},
	} {
		d := destruction(reset.DestroyRestores, record)
		d.Broker, d.Last.Name.Partitions = c.broker, []int32{0, 1, 2}
		announced, err := d.Announce()
		if err != nil {
			t.Fatal(err)
		}
		says(t, announced, c.says...)
	}
}
