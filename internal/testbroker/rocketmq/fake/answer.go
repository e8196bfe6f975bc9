package fake

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/terraform-offsets/terraform-provider-offsets/internal/rocketmq/remoting"
)

// addressTable writes addresses by broker id as fastjson does: with bare keys.
func addressTable(addresses map[int64]string) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(addresses)) {
		parts = append(parts, fmt.Sprintf("%d:%q", id, addresses[id]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (c *Cluster) route(name string) reply {
	var brokers, queues []string
	for _, b := range slices.Sorted(maps.Keys(c.brokers)) {
		broker := c.brokers[b]
		t := broker.topics[name]
		if t == nil || len(broker.addresses) == 0 {
			continue
		}
		addresses := broker.addresses
		if broker.route != nil {
			addresses = broker.route
		}
		brokers = append(brokers, fmt.Sprintf(`{"brokerAddrs":%s,"brokerName":%q,"cluster":%q}`, addressTable(addresses), b, c.conf.Name))
		queues = append(queues, fmt.Sprintf(`{"brokerName":%q,"perm":6,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}`, b, t.read, t.write))
	}
	if len(brokers) == 0 {
		page := "https://rocketmq.apache.org/docs/bestPractice/06FAQ"
		if c.conf.Version < remoting.V5_0_0 {
			page = "http://rocketmq.apache.org/docs/faq/"
		}
		return refuse(remoting.TopicNotExist, "No topic route info in name server for the topic: "+name+"\nSee "+page+" for further details.")
	}
	return ok(fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},"queueDatas":[%s]}`, strings.Join(brokers, ","), strings.Join(queues, ",")))
}

func (c *Cluster) clusterInfo() reply {
	var table, names []string
	for _, b := range slices.Sorted(maps.Keys(c.brokers)) {
		if len(c.brokers[b].addresses) == 0 {
			continue
		}
		table = append(table, fmt.Sprintf(`%q:{"brokerAddrs":%s,"brokerName":%q,"cluster":%q}`, b, addressTable(c.brokers[b].addresses), b, c.conf.Name))
		names = append(names, strconv.Quote(b))
	}
	return ok(fmt.Sprintf(`{"brokerAddrTable":{%s},"clusterAddrTable":{%q:[%s]}}`, strings.Join(table, ","), c.conf.Name, strings.Join(names, ",")))
}

// queueKey is a message queue as fastjson writes it: an object as a key.
func (b *Broker) queueKey(topic string, queue int) string {
	return fmt.Sprintf(`{"brokerName":%q,"queueId":%d,"topic":%q}`, b.Name, queue, topic)
}

func (b *Broker) topicStats(f map[string]string) reply {
	t := b.topics[f["topic"]]
	if t == nil {
		return refuse(remoting.TopicNotExist, "topic["+f["topic"]+"] not exist")
	}
	n := t.write
	if b.cluster.conf.Version >= remoting.V5_0_0 {
		n = max(t.read, t.write)
	}
	var parts []string
	for i := range n {
		q := t.queues[i]
		var last int64
		if q.max() > 0 {
			last = -1
		}
		if len(q.stored) > 0 {
			last = q.stored[len(q.stored)-1]
		}
		parts = append(parts, fmt.Sprintf(`%s:{"lastUpdateTimestamp":%d,"maxOffset":%d,"minOffset":%d}`, b.queueKey(f["topic"], i), last, q.max(), q.min))
	}
	return ok(`{"offsetTable":{` + strings.Join(parts, ",") + `}}`)
}

// offset is what a broker says of a group's offset: a reset that waits for a
// consumer comes first.
func (b *Broker) offset(k key) (int64, bool) {
	if n, ok := b.pending[k]; ok {
		return n, true
	}
	n, ok := b.offsets[k]
	return n, ok
}

func (b *Broker) consumeStats(f map[string]string) reply {
	group, name := f["consumerGroup"], f["topic"]
	t := b.topics[name]
	if t == nil || len(b.listed(group)) > 0 && !b.subscribes(group, name) {
		return ok(`{"consumeTps":0.0,"offsetTable":{}}`)
	}
	var parts []string
	for i := range t.read {
		q := t.queues[i]
		n, _ := b.offset(key{group, name, int32(i)}) //nolint:gosec // A queue id.
		var last int64
		if at := n - 1 - q.min; at >= 0 && at < int64(len(q.stored)) {
			last = q.stored[at]
		}
		parts = append(parts, fmt.Sprintf(`%s:{"brokerOffset":%d,"consumerOffset":%d,"lastTimestamp":%d}`, b.queueKey(name, i), q.max(), n, last))
	}
	return ok(`{"consumeTps":0.0,"offsetTable":{` + strings.Join(parts, ",") + `}}`)
}

// listed are the consumers that the broker knows to be online.
func (b *Broker) listed(name string) []*Consumer {
	g := b.cluster.groups[name]
	if g == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(g.consumers), func(c *Consumer) bool { return c.Proxied || slices.Contains(c.Away, b.Name) })
}

func (b *Broker) subscribes(group, topic string) bool {
	return slices.ContainsFunc(b.listed(group), func(c *Consumer) bool { return slices.Contains(c.Topics, topic) })
}

func (b *Broker) connections(f map[string]string) reply {
	name := f["consumerGroup"]
	listed := b.listed(name)
	if len(listed) == 0 {
		return refuse(remoting.ConsumerNotOnline, "the consumer group["+name+"] not online")
	}
	model := "CLUSTERING"
	var clients []string
	topics := map[string]bool{}
	for i, c := range listed {
		clients = append(clients, fmt.Sprintf(`{"clientAddr":"10.0.0.%d:40000","clientId":%q,"language":%q,"version":317}`, i+1, c.ID, cmp.Or(c.Language, "GO")))
		for _, t := range c.Topics {
			topics[t] = true
		}
		if c.Broadcast {
			model = "BROADCASTING"
		}
	}
	var subscriptions []string
	for _, t := range slices.Sorted(maps.Keys(topics)) {
		subscriptions = append(subscriptions, fmt.Sprintf(`%q:{"classFilterMode":false,"codeSet":[],"expressionType":"TAG","subString":"*","subVersion":1,"tagsSet":[],"topic":%q}`, t, t))
	}
	return ok(fmt.Sprintf(`{"connectionSet":[%s],"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_PASSIVELY","messageModel":%q,"subscriptionTable":{%s}}`,
		strings.Join(clients, ","), model, strings.Join(subscriptions, ",")))
}

// number reads a field of a request.
func number(f map[string]string, name string) (int64, bool) {
	n, err := strconv.ParseInt(f[name], 10, 64)
	return n, err == nil
}

func missing(name string) reply {
	return refuse(remoting.SystemError, "org.apache.rocketmq.remoting.exception.RemotingCommandException: the custom field <"+name+"> is null")
}

// queue finds the queue that a request is about.
func (b *Broker) queue(f map[string]string) (*queue, int32, *reply) {
	id, isNumber := number(f, "queueId")
	if !isNumber {
		r := missing("queueId")
		return nil, 0, &r
	}
	t := b.topics[f["topic"]]
	if t == nil || id < 0 || id >= int64(len(t.queues)) {
		return &queue{}, int32(id), nil //nolint:gosec // Brokers answer for any queue.
	}
	return t.queues[id], int32(id), nil //nolint:gosec // Bounded just before.
}

func offsetReply(n int64) reply {
	return reply{fields: map[string]string{"offset": strconv.FormatInt(n, 10)}}
}

func (b *Broker) query(f map[string]string) reply {
	q, id, bad := b.queue(f)
	if bad != nil {
		return *bad
	}
	n, known := b.offset(key{f["consumerGroup"], f["topic"], id})
	switch {
	case known:
		return offsetReply(n)
	case f["setZeroIfNotFound"] == "false" && b.cluster.conf.Version >= remoting.V5_0_0:
		return refuse(remoting.QueryNotFound, "Not found, do not set to zero, maybe this group boot first")
	case q.min <= 0:
		return offsetReply(0)
	default:
		return refuse(remoting.QueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
	}
}

func (b *Broker) update(f map[string]string) reply {
	_, id, bad := b.queue(f)
	if bad != nil {
		return *bad
	}
	n, isNumber := number(f, "commitOffset")
	if !isNumber {
		return missing("commitOffset")
	}
	group, name := f["consumerGroup"], f["topic"]
	k := key{group, name, id}
	if b.cluster.conf.Version >= remoting.V5_2_0 {
		if !b.groups[group] {
			return refuse(remoting.GroupNotExist, "Group "+group+" not exist!")
		}
		if b.topics[name] == nil {
			return refuse(remoting.TopicNotExist, "Topic "+name+" not exist!")
		}
	}
	if _, waits := b.pending[k]; waits && b.cluster.resets() {
		return refuse(remoting.Success, "Offset has been previously reset")
	}
	if g := b.cluster.groups[group]; g != nil {
		for _, c := range g.consumers {
			if c.Stubborn && slices.Contains(c.Topics, name) {
				return ok("")
			}
		}
	}
	b.offsets[k] = n
	return ok("")
}

func (b *Broker) search(f map[string]string) reply {
	q, _, bad := b.queue(f)
	if bad != nil {
		return *bad
	}
	ms, isNumber := number(f, "timestamp")
	if !isNumber {
		return missing("timestamp")
	}
	return offsetReply(b.byTime(q, ms))
}

// byTime is the brokers' look-up by time: from 5.1.1 on the first message at
// or after the time, before that the nearest.
func (b *Broker) byTime(q *queue, ms int64) int64 {
	if b.cluster.conf.Version >= remoting.V5_1_1 {
		return q.min + int64(sort.Search(len(q.stored), func(i int) bool { return q.stored[i] >= ms }))
	}
	low, high, left, right := 0, len(q.stored)-1, -1, -1
	for low <= high {
		mid := (low + high) / 2
		switch at := q.stored[mid]; {
		case at == ms:
			return q.min + int64(mid)
		case at > ms:
			high, right = mid-1, mid
		default:
			low, left = mid+1, mid
		}
	}
	switch {
	case left < 0 && right < 0:
		return 0
	case left < 0:
		return q.min + int64(right)
	case right < 0:
		return q.min + int64(left)
	case ms-q.stored[left] > q.stored[right]-ms:
		return q.min + int64(right)
	default:
		return q.min + int64(left)
	}
}

func (b *Broker) bound(code int, f map[string]string) reply {
	q, _, bad := b.queue(f)
	if bad != nil {
		return *bad
	}
	if code == remoting.GetMaxOffset {
		return offsetReply(q.max())
	}
	return offsetReply(q.min)
}

func (b *Broker) pull(f map[string]string) reply {
	q, _, bad := b.queue(f)
	if bad != nil {
		return *bad
	}
	at, _ := number(f, "queueOffset")
	fields := map[string]string{
		"minOffset": strconv.FormatInt(q.min, 10), "maxOffset": strconv.FormatInt(q.max(), 10),
		"nextBeginOffset": strconv.FormatInt(at+1, 10), "suggestWhichBrokerId": "0",
	}
	switch {
	case at < q.min:
		return reply{code: remoting.PullOffsetMoved, remark: "OFFSET_TOO_SMALL", fields: fields}
	case at >= q.max():
		fields["nextBeginOffset"] = strconv.FormatInt(at, 10)
		return reply{code: remoting.PullNotFound, remark: "OFFSET_OVERFLOW_ONE", fields: fields}
	}
	return reply{remark: "FOUND", fields: fields, body: string(message(at, q.stored[at-q.min]))}
}

// message is one stored message without a content, as far as clients read it here.
func message(offset, stored int64) []byte {
	m := make([]byte, 91)
	binary.BigEndian.PutUint32(m, 91)
	binary.BigEndian.PutUint32(m[4:], 0xdaa320a7)
	binary.BigEndian.PutUint64(m[20:], uint64(offset)) //nolint:gosec // Not negative.
	binary.BigEndian.PutUint64(m[56:], uint64(stored)) //nolint:gosec // Not negative.
	return m
}

func (b *Broker) allGroups() reply {
	var parts []string
	for _, g := range slices.Sorted(maps.Keys(b.groups)) {
		parts = append(parts, fmt.Sprintf(`%q:{"consumeEnable":true,"groupName":%q}`, g, g))
	}
	return ok(`{"dataVersion":{"counter":1,"timestamp":1},"subscriptionGroupTable":{` + strings.Join(parts, ",") + `}}`)
}

// groupsOf lists who consumes a topic, or has an offset on it.
func (b *Broker) groupsOf(topic string) reply {
	found := map[string]bool{}
	for name := range b.cluster.groups {
		if b.subscribes(name, topic) {
			found[name] = true
		}
	}
	for k := range b.offsets {
		if k.topic == topic {
			found[k.group] = true
		}
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(found)) {
		names = append(names, strconv.Quote(name))
	}
	return ok(`{"groupList":[` + strings.Join(names, ",") + `]}`)
}

func (b *Broker) config() reply {
	text := "brokerName=" + b.Name + "\nbrokerId=0\n"
	if b.cluster.conf.Version >= remoting.V5_1_0 {
		text += fmt.Sprintf("useServerSideResetOffset=%t\n", b.cluster.resets())
	}
	return ok(text)
}

func (b *Broker) reset(f map[string]string) reply {
	ms, isNumber := number(f, "timestamp")
	if !isNumber {
		return missing("timestamp")
	}
	if b.cluster.resets() {
		return b.resetHere(f, ms)
	}
	return b.resetClients(f, ms)
}

// resetHere is what brokers from 5.2 on do.
func (b *Broker) resetHere(f map[string]string, ms int64) reply {
	group, name := f["group"], f["topic"]
	t := b.topics[name]
	if t == nil {
		return refuse(remoting.TopicNotExist, "Topic "+name+" does not exist")
	}
	if !b.groups[group] {
		return refuse(remoting.GroupNotExist, "Group "+group+" does not exist")
	}
	at := func(q *queue) int64 {
		if ms < 0 {
			return q.max()
		}
		return b.byTime(q, ms)
	}
	targets := map[int]int64{}
	if id, given := number(f, "queueId"); given && id >= 0 {
		q, _, _ := b.queue(f)
		if n, given := number(f, "offset"); given && n != -1 {
			if n < q.min || n > q.max()+1 {
				return refuse(remoting.SystemError, fmt.Sprintf("Target offset %d not in consume queue range [%d-%d]", n, q.min, q.max()))
			}
			targets[int(id)] = n
		} else {
			targets[int(id)] = at(q)
		}
	} else {
		for i := range t.read {
			targets[i] = at(t.queues[i])
		}
	}
	for i, n := range targets {
		k := key{group, name, int32(i)} //nolint:gosec // A queue id.
		b.offsets[k], b.pending[k] = n, n
		for _, c := range b.cluster.consumers(group, name) {
			delete(b.pending, k)
			b.offsets[k] = min(n+c.Eager, b.topics[name].queues[i].max())
		}
	}
	return b.resetTable(name, targets)
}

// resetClients is what brokers before 5.2 do.
func (b *Broker) resetClients(f map[string]string, ms int64) reply {
	group, name := f["group"], f["topic"]
	t := b.topics[name]
	if t == nil {
		code := remoting.TopicNotExist
		if b.cluster.conf.Version < remoting.V5_0_0 {
			code = remoting.SystemError
		}
		return refuse(code, "[reset-offset] reset offset failed, no topic in this broker. topic="+name)
	}
	targets := map[int]int64{}
	for i := range t.write {
		old, known := b.offsets[key{group, name, int32(i)}] //nolint:gosec // A queue id.
		if !known {
			return refuse(remoting.SystemError, "THe consumer group <"+group+"> not exist")
		}
		n := t.queues[i].max()
		if ms != -1 {
			n = b.byTime(t.queues[i], ms)
		}
		if f["isForce"] == "true" || n < old {
			targets[i] = n
		} else {
			targets[i] = old
		}
	}
	if len(b.listed(group)) == 0 {
		return refuse(remoting.ConsumerNotOnline, fmt.Sprintf("Consumer not online, so can not reset offset, Group: %s Topic: %s Timestamp: %d", group, name, ms))
	}
	for _, c := range b.cluster.consumers(group, name) {
		if c.Deaf || c.Proxied || slices.Contains(c.Away, b.Name) {
			continue
		}
		take := func() {
			for i, n := range targets {
				b.offsets[key{group, name, int32(i)}] = min(n+c.Eager, t.queues[i].max()) //nolint:gosec // A queue id.
			}
		}
		if c.Delay == 0 {
			take()
			continue
		}
		time.AfterFunc(c.Delay, func() {
			b.cluster.mu.Lock()
			defer b.cluster.mu.Unlock()
			take()
		})
	}
	return b.resetTable(name, targets)
}

// consumers returns the group's consumers that subscribe to the topic.
func (c *Cluster) consumers(group, topic string) []*Consumer {
	var found []*Consumer
	if g := c.groups[group]; g != nil {
		for _, consumer := range g.consumers {
			if slices.Contains(consumer.Topics, topic) {
				found = append(found, consumer)
			}
		}
	}
	return found
}

func (b *Broker) resetTable(topic string, targets map[int]int64) reply {
	var parts []string
	for _, i := range slices.Sorted(maps.Keys(targets)) {
		parts = append(parts, fmt.Sprintf("%s:%d", b.queueKey(topic, i), targets[i]))
	}
	return ok(`{"offsetTable":{` + strings.Join(parts, ",") + `}}`)
}
