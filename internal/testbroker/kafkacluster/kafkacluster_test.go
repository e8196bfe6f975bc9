package kafkacluster

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"
	"time"
)

func equal(a, b Offsets) bool {
	return maps.EqualFunc(a, b, maps.Equal[map[int32]int64, map[int32]int64])
}

func TestParseReset(t *testing.T) {
	for name, c := range map[string]struct {
		out  string
		want Offsets
		err  string
	}{
		"4.3": {
			out: "\nGROUP           TOPIC           PARTITION  NEW-OFFSET\n" +
				"billing         orders          0          20\nbilling         orders          1          0\n",
			want: Offsets{"orders": {0: 20, 1: 0}},
		},
		"3.9, without line ends": {
			out: "\nGROUP                          TOPIC                          PARTITION  NEW-OFFSET     " +
				"billing                        orders                         0          20             " +
				"billing                        bills                          3          7              ",
			want: Offsets{"orders": {0: 20}, "bills": {3: 7}},
		},
		"after a warning": {
			out: "\nWarn: Partition 0 from topic zz is empty. Falling back to latest known offset.\n\n" +
				"GROUP           TOPIC           PARTITION  NEW-OFFSET\nzz              zz              0          0\n",
			want: Offsets{"zz": {0: 0}},
		},
		"nothing": {out: "\nGROUP TOPIC PARTITION NEW-OFFSET\n", want: Offsets{}},
		"error with status 0": {
			out: "\nError: Assignments can only be reset if the group 'billing' is inactive, but the current state is Stable.\n" +
				"\nGROUP TOPIC PARTITION NEW-OFFSET\n",
			err: "current state is Stable",
		},
		"another text":   {out: "unexpected", err: "unexpected"},
		"half a row":     {out: "GROUP TOPIC PARTITION NEW-OFFSET\ng t 0", err: "cannot read"},
		"bad partition":  {out: "GROUP TOPIC PARTITION NEW-OFFSET\ng t x 0", err: "cannot read"},
		"bad offset":     {out: "GROUP TOPIC PARTITION NEW-OFFSET\ng t 0 -", err: "cannot read"},
		"header cut off": {out: "NEW-OFFSET g t 0 0", err: "NEW-OFFSET"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseReset(c.out)
			check(t, got, err, c.want, c.err)
		})
	}
}

func TestParseDescribe(t *testing.T) {
	const header = "GROUP   TOPIC  PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID  HOST  CLIENT-ID\n"
	for name, c := range map[string]struct {
		out  string
		want Offsets
		err  string
	}{
		"inactive": {
			out:  "\nConsumer group 'billing' has no active members.\n\n" + header + "billing orders 0 10 100 90 - - -\n",
			want: Offsets{"orders": {0: 10}},
		},
		"active, one partition without an offset": {
			out:  "\n" + header + "billing orders 0 10 100 90 worker-1 /127.0.0.1 worker\nbilling orders 1 - 100 - worker-1 /127.0.0.1 worker\n",
			want: Offsets{"orders": {0: 10}},
		},
		"none":          {out: "\nConsumer group 'billing' has no active members.\n", want: Offsets{}},
		"missing group": {out: "\nError: Consumer group 'billing' does not exist.\n", err: "does not exist"},
		"short row":     {out: header + "billing orders 0\n", err: "cannot read"},
		"bad offset":    {out: header + "billing orders 0 ten 100 90 - - -\n", err: "cannot read"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseDescribe(c.out, "CURRENT-OFFSET")
			check(t, got, err, c.want, c.err)
		})
	}
}

func check(t *testing.T, got Offsets, err error, want Offsets, wantErr string) {
	t.Helper()
	switch {
	case wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)):
		t.Errorf("got error %v, want %q", err, wantErr)
	case wantErr == "" && err != nil:
		t.Error(err)
	case wantErr == "" && !equal(got, want):
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzParseTables(f *testing.F) {
	f.Add("\nGROUP TOPIC PARTITION NEW-OFFSET\nbilling orders 0 20\n")
	f.Add("GROUP TOPIC PARTITION CURRENT-OFFSET LAG\nbilling orders 0 10 90\nbilling orders 1 - -\n")
	f.Add("CURRENT-OFFSET\n1\nError: no")
	describe := func(out string) (Offsets, error) { return parseDescribe(out, "CURRENT-OFFSET") }
	f.Fuzz(func(t *testing.T, out string) {
		for _, parse := range []func(string) (Offsets, error){parseReset, describe} {
			if offsets, err := parse(out); (offsets == nil) == (err == nil) {
				t.Errorf("got %v and %v", offsets, err)
			}
		}
	})
}

func TestPropertiesAreEscaped(t *testing.T) {
	got := string(encodeProperties(map[string]string{"b": "line\nline", "a": `back\slash`, "c": "pä😀"}))
	want := `a=back\\slash` + "\n" + `b=line\u000aline` + "\n" + `c=p\u00e4\ud83d\ude00` + "\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnsecuredToken(t *testing.T) {
	token, err := UnsecuredToken("alice", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[2] != "" {
		t.Fatalf("got %q", token)
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Sub string
		Exp int64
	}
	if err := json.Unmarshal(claims, &got); err != nil {
		t.Fatal(err)
	}
	if got.Sub != "alice" || got.Exp <= time.Now().Unix() {
		t.Errorf("got %+v", got)
	}
}

func TestSecureRefusesAnUnknownMechanism(t *testing.T) {
	c := &Cluster{}
	if err := c.secure(map[string]string{}, Listener{Name: "AUTH", Mechanisms: []string{"DIGEST"}}); err == nil {
		t.Error("no error")
	}
}

func TestKeepLeavesTheLogs(t *testing.T) {
	for _, keep := range []bool{true, false} {
		c := &Cluster{logs: t.TempDir(), data: t.TempDir()}
		if keep {
			c.Keep()
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(c.logs); (err == nil) != keep {
			t.Errorf("keep %v: %v", keep, err)
		}
		if _, err := os.Stat(c.data); err == nil {
			t.Error("the data are still there")
		}
	}
}
