// Package recording holds what real brokers have answered to a fixed list of
// requests, so that the in-process cluster can be held against them without
// Java. It must not know who answers.
package recording

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

//go:embed testdata
var recordings embed.FS

// The names that every stage has.
const (
	Topic = "recorded"       // two queues on broker-a and broker-b; queue 0 of broker-a holds three messages
	Known = "recorded-known" // a group at offset 2 of that queue and at offset 0 of queue 1
	Fresh = "recorded-fresh" // a group without offsets
)

// Stage is a cluster that is ready for the requests.
type Stage struct {
	Wire       *remoting.Client
	NameServer string
	Broker     string   // broker-a's address
	Before     [4]int64 // Unix milliseconds: just before each of the three messages, and after them
}

// line is one request. A field "@1" stands for the instant before message 1.
type line struct {
	code   int
	fields string
}

const (
	knownOffset = "consumerGroup=" + Known + " topic=" + Topic + " queueId="
	freshOffset = "consumerGroup=" + Fresh + " topic=" + Topic + " queueId="
	ghostOffset = "consumerGroup=recorded-missing topic=" + Topic + " queueId="
	queue       = "topic=" + Topic + " queueId="
	knownReset  = "group=" + Known + " topic=" + Topic + " isForce=true "
	pull        = "consumerGroup=" + Known + " topic=" + Topic + " queueId=0 maxMsgNums=1 sysFlag=4 commitOffset=0 suspendTimeoutMillis=0 subVersion=0 subscription=* expressionType=TAG queueOffset="
)

// script is the conversation. It goes from what only reads to what writes.
var script = []line{
	{remoting.GetRoute, "topic=" + Topic},
	{remoting.GetRoute, "topic=recorded-missing"},
	{remoting.GetClusterInfo, ""},
	{remoting.GetTopicStats, "topic=" + Topic},
	{remoting.GetTopicStats, "topic=recorded-missing"},
	{remoting.GetConsumeStats, "consumerGroup=" + Known + " topic=" + Topic},
	{remoting.GetConsumeStats, "consumerGroup=" + Fresh + " topic=" + Topic},
	{remoting.GetConnections, "consumerGroup=" + Known},
	{remoting.GetAllGroups, ""},
	{remoting.GetBrokerConfig, ""},
	{remoting.QueryConsumerOffset, knownOffset + "0 setZeroIfNotFound=false"},
	{remoting.QueryConsumerOffset, knownOffset + "1 setZeroIfNotFound=false"},
	{remoting.QueryConsumerOffset, freshOffset + "0 setZeroIfNotFound=false"},
	{remoting.QueryConsumerOffset, freshOffset + "1 setZeroIfNotFound=false"},
	{remoting.GetMaxOffset, queue + "0"},
	{remoting.GetMinOffset, queue + "0"},
	{remoting.GetMaxOffset, queue + "1"},
	{remoting.SearchOffsetByTime, queue + "0 timestamp=1"},
	{remoting.SearchOffsetByTime, queue + "0 timestamp=@0"},
	{remoting.SearchOffsetByTime, queue + "0 timestamp=@1"},
	{remoting.SearchOffsetByTime, queue + "0 timestamp=@2"},
	{remoting.SearchOffsetByTime, queue + "0 timestamp=@3"},
	{remoting.SearchOffsetByTime, queue + "1 timestamp=@1"},
	{remoting.PullMessage, pull + "1"},
	{remoting.PullMessage, pull + "3"},

	{remoting.UpdateOffset, knownOffset + "0 commitOffset=1"},
	{remoting.QueryConsumerOffset, knownOffset + "0"},
	{remoting.UpdateOffset, ghostOffset + "0 commitOffset=1"},
	{remoting.ResetOffset, "group=recorded-missing topic=recorded-missing isForce=true timestamp=-1"},
	{remoting.ResetOffset, "group=" + Fresh + "-no topic=" + Topic + " isForce=true timestamp=-1"},
	{remoting.ResetOffset, knownReset + "timestamp=-1 queueId=-1 offset=-1"},
	{remoting.GetConsumeStats, "consumerGroup=" + Known + " topic=" + Topic},
	{remoting.UpdateOffset, knownOffset + "0 commitOffset=2"},
	{remoting.QueryConsumerOffset, knownOffset + "0"},
	{remoting.ResetOffset, knownReset + "timestamp=@1 queueId=-1 offset=-1"},
	{remoting.ResetOffset, knownReset + "timestamp=-1 queueId=0 offset=99"},
	{remoting.ResetOffset, knownReset + "timestamp=-1 queueId=0 offset=2"},
	{remoting.QueryConsumerOffset, knownOffset + "0"},
	{remoting.ResetOffset, "group=" + Fresh + " topic=" + Topic + " isForce=true timestamp=-1"},
}

// Exchange is a request with what was answered, flat and without what differs
// from run to run.
type Exchange struct {
	Request string   // name and fields
	Code    int      // of the response
	Remark  string   // of the response
	Answer  []string // one line for each field and for each value of the body, sorted
}

// Converse holds the conversation.
func Converse(ctx context.Context, s Stage) ([]Exchange, error) {
	var all []Exchange
	for _, l := range script {
		address := s.Broker
		if l.code == remoting.GetRoute || l.code == remoting.GetClusterInfo {
			address = s.NameServer
		}
		fields := map[string]string{}
		for _, f := range strings.Fields(l.fields) {
			name, value, _ := strings.Cut(f, "=")
			if n, ok := strings.CutPrefix(value, "@"); ok {
				value = strconv.FormatInt(s.Before[n[0]-'0'], 10)
			}
			fields[name] = value
		}
		resp, err := s.Wire.Call(ctx, address, remoting.Request{Code: l.code, Fields: fields})
		var refused *remoting.Error
		if err != nil && !errors.As(err, &refused) {
			return nil, err
		}
		x := Exchange{Request: strings.TrimSpace(remoting.RequestName(l.code) + " " + l.fields), Code: resp.Code, Remark: settle(resp.Remark)}
		if x.Answer, err = flatten(l.code, resp); err != nil {
			return nil, fmt.Errorf("%s: %w", x.Request, err)
		}
		all = append(all, x)
	}
	return all, nil
}

// What differs from run to run.
var (
	address = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+:\d+`)
	instant = regexp.MustCompile(`\b1[5-9]\d{11}\b`)
	lines   = regexp.MustCompile(`\s+`)
)

func settle(s string) string {
	s = address.ReplaceAllString(s, "<address>")
	s = instant.ReplaceAllString(s, "<time>")
	return strings.TrimSpace(lines.ReplaceAllString(s, " "))
}

// flatten writes fields and body as lines. Of the configuration only what is
// read of it counts, and of the groups only those of the stage.
func flatten(code int, resp *remoting.Response) ([]string, error) {
	var out []string
	counted := code == remoting.GetAllGroups || code == remoting.GetBrokerConfig // how many, how often changed
	for _, name := range slices.Sorted(maps.Keys(resp.Fields)) {
		if !counted {
			out = append(out, "field "+name+" = "+settle(resp.Fields[name]))
		}
	}
	switch {
	case len(resp.Body) == 0:
	case code == remoting.PullMessage:
		offset, stored, err := remoting.FirstMessage(resp.Body)
		if err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("message %d stored %s", offset, settle(strconv.FormatInt(stored, 10))))
	case code == remoting.GetBrokerConfig:
		for l := range strings.Lines(string(resp.Body)) {
			if strings.HasPrefix(l, "useServerSideResetOffset=") {
				out = append(out, strings.TrimSpace(l))
			}
		}
	default:
		v, err := remoting.ParseBody(resp.Body)
		if err != nil {
			return nil, err
		}
		walk("", v, func(path, value string) {
			if strings.HasSuffix(path, "Tps") {
				value = "<rate>"
			}
			other := code == remoting.GetAllGroups && !strings.Contains(path, Known) && !strings.Contains(path, Fresh)
			if !other {
				out = append(out, path+" = "+value)
			}
		})
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// walk visits the leaves of a body. Elements of a list have the same path: they
// come in any order.
func walk(path string, v remoting.Value, leaf func(path, value string)) {
	switch v.Kind() {
	case remoting.Object:
		for k, x := range v.Fields() {
			name := k.Text()
			if k.Kind() == remoting.Object {
				name = k.Get("brokerName").Text() + "-" + k.Get("queueId").Text()
			}
			walk(path+"/"+name, x, leaf)
		}
	case remoting.List:
		for _, x := range v.Elements() {
			walk(path+"[]", x, leaf)
		}
	default:
		leaf(path, settle(v.Text()))
	}
}

// Format writes exchanges as a text to keep.
func Format(all []Exchange) string {
	var b strings.Builder
	for _, x := range all {
		fmt.Fprintf(&b, "%s\n  %d %s\n", x.Request, x.Code, x.Remark)
		for _, l := range x.Answer {
			fmt.Fprintf(&b, "    %s\n", l)
		}
	}
	return b.String()
}

// Load returns the recording of that name.
func Load(name string) ([]Exchange, error) {
	text, err := recordings.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		return nil, err
	}
	var all []Exchange
	for l := range strings.Lines(string(text)) {
		l = strings.TrimSuffix(l, "\n")
		switch trimmed := strings.TrimLeft(l, " "); len(l) - len(trimmed) {
		case 0:
			all = append(all, Exchange{Request: trimmed})
		case 2:
			x := &all[len(all)-1]
			code, remark, _ := strings.Cut(trimmed, " ")
			if x.Code, err = strconv.Atoi(code); err != nil {
				return nil, err
			}
			x.Remark = remark
		default:
			x := &all[len(all)-1]
			x.Answer = append(x.Answer, trimmed)
		}
	}
	return all, nil
}
