package wire

import (
	"errors"
	"testing"

	"github.com/IBM/sarama"
)

// Brokers refuse to renew a session within a second of its login. A connection
// of which they do is replaced, once; a new one's refusal counts.
func TestConnectionWhoseSessionCannotBeRenewedIsReplaced(t *testing.T) {
	c := connect(t, orders(t, 1).Bootstrap())
	ask := func(refusals int) (tries int, err error) {
		_, err = AskAny(t.Context(), c, Request[sarama.ApiVersionsResponse]{
			API: API(18), Doing: "Ask",
			Send: func(b *Broker) (*sarama.ApiVersionsResponse, error) {
				if tries++; tries <= refusals {
					return nil, sarama.ErrIllegalSASLState
				}
				return b.ApiVersions(&sarama.ApiVersionsRequest{})
			},
		})
		return tries, err
	}
	if tries, err := ask(1); tries != 1 || !errors.Is(err, sarama.ErrIllegalSASLState) {
		t.Errorf("a new connection: %d tries, %v", tries, err)
	}
	if tries, err := ask(0); tries != 1 || err != nil {
		t.Fatalf("%d tries, %v", tries, err)
	}
	if tries, err := ask(1); tries != 2 || err != nil {
		t.Errorf("a connection that has served: %d tries, %v", tries, err)
	}
	if tries, err := ask(2); tries != 2 || !errors.Is(err, sarama.ErrIllegalSASLState) {
		t.Errorf("refused twice: %d tries, %v", tries, err)
	}
}
