package wire

import (
	"context"
	"errors"
	"net"
	"strconv"

	"github.com/IBM/sarama"
)

// groupTopic is where brokers keep groups. It is there wherever a group is, so
// that brokers can be asked about it that must be asked about some topic.
const groupTopic = "__consumer_offsets"

// Brokers tells the cluster's id and the addresses of its brokers by their
// ids. Before Kafka 2.8 it asks beside a topic.
func (c *Cluster) Brokers(ctx context.Context) (id string, addrs map[int32]string, err error) {
	const doing = "List the brokers"
	answer, err := AskAny(ctx, c, Request[sarama.DescribeClusterResponse]{
		API:   DescribeClusterAPI,
		Doing: doing,
		Send: func(b *Broker) (*sarama.DescribeClusterResponse, error) {
			return b.DescribeCluster(sarama.NewDescribeClusterRequest(c.conf.Version))
		},
		Codes: func(r *sarama.DescribeClusterResponse) []sarama.KError { return []sarama.KError{r.Err} },
	})
	if errors.Is(err, sarama.ErrUnsupportedVersion) || err == nil && answer.Body.Err != sarama.ErrNoError {
		m, err := c.Metadata(ctx, []string{groupTopic})
		if err != nil {
			return "", nil, err
		}
		return m.ClusterID, m.Brokers, nil
	}
	if err != nil {
		return "", nil, err
	}
	addrs = make(map[int32]string, len(answer.Body.Brokers))
	for _, b := range answer.Body.Brokers {
		addrs[b.BrokerID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	if len(addrs) == 0 {
		return "", nil, Refused(doing, sarama.ErrBrokerNotAvailable)
	}
	return answer.Body.ClusterID, addrs, c.expect(answer.Body.ClusterID)
}

// AskBroker sends a request to this one broker, and to no other: about what
// only it can tell. The error is of type *offset.Error, and is sarama's
// ErrUnsupportedVersion if the request is not offered.
func AskBroker[A any](ctx context.Context, c *Cluster, addr string, r Request[A]) (*A, error) {
	return Retry(ctx, c.Times.Failover, func() (*A, error) {
		body, _, err := call(ctx, c, addr, r.Send)
		switch {
		case errors.Is(err, sarama.ErrUnsupportedVersion):
			return nil, notOffered(r.API)
		case err != nil:
			return nil, unreachable([]error{err})
		}
		var answer Answer[A]
		_, err = answer.take(r, body)
		return answer.Body, err
	})
}
