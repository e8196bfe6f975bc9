package provider

import (
	"reflect"
	"slices"
	"testing"
)

// An argument is one of scope and target, whose change resets, or one of those
// whose change resets nothing. None is forgotten, and none goes by another name.
func TestEachArgumentIsInTheAimOrNot(t *testing.T) {
	t.Parallel()
	var a kafkaArguments
	others := []string{"group_id", "group_type", "instance_id", "out_of_range", "isolation_level", "max_replayed_messages", "max_skipped_messages", "allow_new_group", "wait_for_inactive", "unmatched"}
	scopes := []string{"topic", "topics", "all_topics", "partition", "partitions", "topic_names"}
	var targets []string
	for _, target := range a.targets() {
		targets = append(targets, target.name)
	}
	names := map[any]string{} // by the field's address
	for _, f := range reflect.VisibleFields(reflect.TypeFor[kafkaArguments]()) {
		name := f.Tag.Get("tfsdk")
		if name == "" {
			continue
		}
		names[reflect.ValueOf(&a).Elem().FieldByIndex(f.Index).Addr().Interface()] = name
		if n := count(others, name) + count(scopes, name) + count(targets, name); n != 1 {
			t.Errorf("%s is %d of scope, target and what resets nothing", name, n)
		}
	}
	if fields := len(a.aim()); fields != len(scopes)+len(targets) {
		t.Errorf("the aim has %d arguments, and there are %d scopes and %d targets", fields, len(scopes), len(targets))
	}
	for _, target := range a.targets() {
		address := reflect.ValueOf(target.field).Field(0)
		found := false
		for p, name := range names {
			found = found || name == target.name && reflect.ValueOf(p).Pointer() == address.Pointer()
		}
		if !found {
			t.Errorf("%s reads another argument", target.name)
		}
	}
}

func count(names []string, name string) int {
	n := 0
	for range slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s != name }) {
		n++
	}
	return n
}
